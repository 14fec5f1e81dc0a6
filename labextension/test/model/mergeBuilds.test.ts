import { describe, expect, it } from 'vitest';

import type { IBuild } from '../../src/api/api';
import { mergeBuilds } from '../../src/model/mergeBuilds';
import { makeBuild } from '../support/builds';

const build = (id: string, number: number, state = 'Building'): IBuild => ({ ...makeBuild(id, { state }), number });

const names = (builds: ReadonlyArray<IBuild>): string[] => builds.map(({ card }) => `${card.id} ${card.state}`);

const known = [build('b', 2), build('a', 1)];

describe('mergeBuilds', () => {
  it('returns the same array without changes', () => {
    expect(mergeBuilds(known, { complete: false, builds: [], removed: [] })).toBe(known);
  });

  it('adds and replaces builds and sorts them, newest first', () => {
    const changes = { complete: false, builds: [build('a', 1, 'Failed'), build('c', 3)], removed: [] };
    expect(names(mergeBuilds(known, changes))).toEqual(['c Building', 'b Building', 'a Failed']);
  });

  it('moves a build that has become newer', () => {
    expect(names(mergeBuilds(known, { complete: false, builds: [build('a', 3)], removed: [] }))).toEqual([
      'a Building',
      'b Building'
    ]);
  });

  it('removes builds, and ignores ids that are not known', () => {
    expect(names(mergeBuilds(known, { complete: false, builds: [], removed: ['b', 'x'] }))).toEqual(['a Building']);
  });

  it('replaces all builds if the response is complete', () => {
    expect(names(mergeBuilds(known, { complete: true, builds: [build('c', 1)], removed: [] }))).toEqual(['c Building']);
    expect(mergeBuilds(known, { complete: true, builds: [], removed: [] })).toEqual([]);
  });
});
