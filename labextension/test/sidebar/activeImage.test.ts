import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { IActiveImage, IBuild } from '../../src/api/api';
import { activeImageText, activeWarning } from '../../src/sidebar/activeImage';
import type { IImagesModel } from '../../src/tokens';
import { makeBuild } from '../support/builds';

const trans = nullTranslator.load('kusto_magic');
const RETRY = { kind: 'retry', name: '', values: [], then: null } as const;
const ON: IActiveImage = { state: 'on', image: 'Img', managedPackages: null, reason: '', hint: null };
const OFF: IActiveImage = { state: 'off', image: '', managedPackages: null, reason: '', hint: null };
const UNKNOWN: IActiveImage = {
  state: 'unknown',
  image: '',
  managedPackages: null,
  reason: 'not allowed',
  hint: RETRY
};

function model(active: IActiveImage, activeBuilds: ReadonlyArray<IBuild> = []): IImagesModel {
  const images = [{ name: 'img' }, { name: 'other' }];
  return { activeBuilds, images: () => ({ active, images }) } as unknown as IImagesModel;
}

it.each([
  [ON, 'Queries use Img'],
  [OFF, 'python() is disabled: enable an image to use it'],
  [UNKNOWN, 'Which image queries use is unknown: not allowed. Try again.']
])('the active image %j is shown as text', (active, text) => {
  expect(activeImageText(active, trans)).toBe(text);
});

describe('activeWarning', () => {
  const warning = (active: IActiveImage, name: string, ...builds: IBuild[]): string =>
    activeWarning(model(active, builds), 'c', name, trans);

  it('warns before a change of the active image only', () => {
    expect(warning(ON, 'IMG')).toBe('Queries currently use this image.');
    expect(warning(ON, 'other')).toBe('');
    expect(warning(OFF, 'img')).toBe('');
  });

  it('warns before a change of any existing image if the active one is unknown', () => {
    expect(warning(UNKNOWN, 'IMG')).toContain(
      'Queries may use this image; which image they use is unknown: not allowed.'
    );
    expect(warning(UNKNOWN, 'new')).toBe('');
  });

  it('warns before a change of an image that is being enabled on the cluster', () => {
    const enabling = makeBuild('b', { action: 'enable', image: 'IMG' }, 'c');
    expect(warning(OFF, 'img', enabling)).toBe('This image is being enabled for queries.');
    expect(warning(OFF, 'other', enabling)).toBe('');
    expect(warning(OFF, 'img', { ...enabling, clusterId: 'another' })).toBe('');
    expect(warning(OFF, 'img', makeBuild('b', { action: 'build' }, 'c'))).toBe('');
  });
});
