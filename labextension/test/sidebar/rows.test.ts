import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { IBuild, ICluster, IImage } from '../../src/api/api';
import { type IImageRow, type IRow, listImages, listRows, nextKey, tabRow } from '../../src/sidebar/rows';
import { formatDay } from '../../src/components/time';
import { roughDuration, rowLabel, secondLine } from '../../src/sidebar/rowTexts';
import type { IClusterImages, IImagesModel } from '../../src/tokens';
import { makeBuild } from '../support/builds';

const trans = nullTranslator.load('kusto_magic');

function cluster(id: string): ICluster {
  return { id, name: id, resourceGroup: 'g', subscription: 's', emulator: false, cloud: 'public' };
}

function image(name: string, more: Partial<IImage> = {}): IImage {
  const base = { base: 'Python3_11_7', baseImage: 'Python3_11_7', pythonVersion: '', requirements: 'a', packages: 2 };
  return { name, state: 'Succeeded', outcome: 'succeeded', build: null, ...base, ...more };
}

const LOADED: IClusterImages = {
  images: [image('One'), image('two')],
  active: { state: 'on', image: 'ONE', managedPackages: null, reason: '', hint: null },
  identity: '',
  loaded: true,
  problem: '',
  hint: null
};

function model(images: Partial<IClusterImages> = {}, activeBuilds: ReadonlyArray<IBuild> = []): IImagesModel {
  return {
    activeBuilds,
    clusters: [cluster('c'), cluster('d')],
    images: () => ({ ...LOADED, ...images }),
    findBuild: (id: string) => (id === 'old' ? makeBuild('old', { asOf: '2026-11-24T07:00:00Z' }) : undefined)
  } as unknown as IImagesModel;
}

const MANAGED: Partial<IClusterImages> = {
  active: { ...LOADED.active, image: 'Python3_11_7', managedPackages: 131 }
};

const rowsOf = (it: IImagesModel, filter = ''): IRow[] => listRows({ model: it, isExpanded: id => id === 'c', filter });

describe('listRows', () => {
  it('has the images of expanded clusters below them, with their positions', () => {
    const rows = rowsOf(model());
    expect(rows.map(({ key, position, size }) => [key, position, size])).toEqual([
      ['c', 1, 2],
      ['c/one', 1, 2],
      ['c/two', 2, 2],
      ['d', 2, 2]
    ]);
    expect(rows[0]).toMatchObject({ isExpanded: true, count: 2 });
  });

  it('filters by a part of the name without regard to case', () => {
    expect(rowsOf(model(), ' ON ').map(({ key }) => key)).toEqual(['c', 'c/one', 'd']);
    expect(rowsOf(model(), 'x').map(({ kind }) => kind)).toEqual(['cluster', 'noMatch', 'cluster']);
  });

  it('has the managed image that queries use below the custom ones, which are counted', () => {
    const rows = rowsOf(model(MANAGED));
    expect(rows.map(({ key }) => key)).toEqual(['c', 'c/one', 'c/two', 'c/python3_11_7', 'd']);
    expect(rows[0]).toMatchObject({ count: 2 });
    expect(rowsOf(model(MANAGED), 'python').map(({ kind }) => kind)).toEqual(['cluster', 'image', 'cluster']);
  });

  it.each([
    [{ loaded: false, images: [] }, ['loading']],
    [{ images: [], ...MANAGED }, ['empty', 'image']],
    [{ images: [] }, ['empty']],
    [{ problem: 'no network' }, ['problem', 'image', 'image']]
  ])('with %j has the messages and the last known images', (images, kinds) => {
    const [, ...rows] = rowsOf(model(images)).slice(0, -1);
    expect(rows.map(({ kind }) => kind)).toEqual(kinds);
  });
});

it('listImages adds the images that are being built, and the operations on the others', () => {
  const builds = [makeBuild('b', { image: 'new' }, 'c'), makeBuild('e', { image: 'ONE', action: 'enable' }, 'c')];
  const found = listImages(model({}, [...builds, makeBuild('x', { image: 'far' }, 'other')]), 'c');
  expect(found.map(({ image: { name }, build }) => [name, build?.card.id ?? null])).toEqual([
    ['new', 'b'],
    ['One', 'e'],
    ['two', null]
  ]);
  expect(found.every(({ isCustom }) => isCustom)).toBe(true);
});

it('listImages has the operation on the managed image that queries use', () => {
  const builds = [makeBuild('d', { image: 'Python3_11_7', action: 'disable' }, 'c')];
  const [, , managed] = listImages(model(MANAGED, builds), 'c');
  expect(managed).toMatchObject({ image: { name: 'Python3_11_7' }, isCustom: false, build: { card: { id: 'd' } } });
});

describe('keys', () => {
  const rows = rowsOf(model());

  it.each([
    ['c', 'ArrowDown', 'c/one'],
    ['c', 'ArrowUp', null],
    ['c/two', 'Home', 'c'],
    ['c', 'End', 'd'],
    ['d', 'ArrowDown', null],
    ['c', 'x', null]
  ])('from %s, %s moves to %s', (key, pressed, expected) => expect(nextKey(rows, key, pressed)).toBe(expected));

  it('Tab reaches the last focused row, or the first one', () => {
    expect(tabRow(rows, 'c/two')?.key).toBe('c/two');
    expect(tabRow(rows, 'removed')?.key).toBe('c');
  });
});

describe('texts', () => {
  const row = (it: IImage, build: IBuild | null = null): IImageRow => {
    const place = { kind: 'image', key: 'k', cluster: cluster('c'), position: 1, size: 1 } as const;
    return { ...place, image: it, isCustom: true, build };
  };

  it('the second line says what is being done, how it failed, or what the image is made of', () => {
    const building = makeBuild('b', { image: 'One', usualBrief: 'usually 4 min' }, 'c');
    expect(secondLine(row(image('One'), building), model(), trans)).toBe('Building · usually 4 min');
    expect(secondLine(row(image('One')), model(), trans)).toBe('Python3_11_7 · 2 packages');
    expect(secondLine(row(image('One', { packages: 1 })), model(), trans)).toBe('Python3_11_7 · 1 package');
    const failed = image('One', { state: 'Failed', outcome: 'failed', build: 'old' });
    expect(secondLine(row(failed), model(), trans)).toBe(`Failed · ${formatDay('2026-11-24T07:00:00Z')}`);
    expect(secondLine(row({ ...failed, build: null }), model(), trans)).toBe('Failed · Python3_11_7');
  });

  it('a screen reader says also what icons and places show', () => {
    const [first, one, two, last] = rowsOf(model()).map(it => rowLabel(it, model(), trans));
    expect(first).toBe('c, 2 images, Queries use ONE');
    expect(one).toBe('One, active, Succeeded, Python3_11_7 · 2 packages');
    expect(two).toBe('two, Succeeded, Python3_11_7 · 2 packages');
    expect(last).toBe('d, 2 images');
    expect(rowsOf(model(MANAGED)).map(it => rowLabel(it, model(MANAGED), trans))[3]).toBe(
      'Python3_11_7, active, managed image · 131 packages'
    );
    const [, problem] = rowsOf(model({ problem: 'no network' }));
    expect(problem && rowLabel(problem, model({ problem: 'no network' }), trans)).toBe(
      'no network Press Enter to retry.'
    );
  });

  it.each([
    [5.9, '5 s'],
    [130, '2 min'],
    [3780, '1 h 3 min']
  ])('%d seconds are %s', (seconds, text) => expect(roughDuration(seconds)).toBe(text));

  it('a date of another year has the year', () => {
    const now = new Date('2026-11-26T12:00:00');
    expect(formatDay('2026-11-24T12:00:00', now)).not.toContain('2026');
    expect(formatDay('2025-11-24T12:00:00', now)).toContain('2025');
  });
});
