import { expect, it } from 'vitest';

import { pendingBuilds } from '../../src/model/pendingBuilds';

function memory(): Pick<Storage, 'getItem' | 'setItem'> {
  const values = new Map<string, string>();
  return { getItem: key => values.get(key) ?? null, setItem: (key, value) => void values.set(key, value) };
}

const blocked = {
  getItem: (): string => {
    throw new Error('blocked');
  },
  setItem: (): void => {
    throw new Error('blocked');
  }
};

it('loads what was saved for the same server only', () => {
  const storage = memory();
  pendingBuilds('/one/', storage).save(['a', 'b']);
  expect(pendingBuilds('/one/', storage).load()).toEqual(['a', 'b']);
  expect(pendingBuilds('/two/', storage).load()).toEqual([]);
});

it.each(['no json', '{}', '[1, null]'])('loads nothing from %j', text => {
  expect(pendingBuilds('/', { ...memory(), getItem: () => text }).load()).toEqual([]);
});

it('loads and saves nothing if the storage is blocked', () => {
  const builds = pendingBuilds('/', blocked);
  expect(() => builds.save(['a'])).not.toThrow();
  expect(builds.load()).toEqual([]);
});
