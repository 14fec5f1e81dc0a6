import { describe, expect, it } from 'vitest';

import { cellText, isImageCell, loadsExtension, setupText } from '../../src/cells/cellText';

const CLUSTER = { id: 'c', name: 'help', resourceGroup: 'rg', subscription: 's', emulator: false, cloud: 'public' };

it.each([
  ['%%kusto_image img', true],
  ['%%kusto_image', true],
  ['%%kusto_images', false],
  [' %%kusto_image img', false],
  ['# comment\n%%kusto_image img', false]
])('isImageCell(%j) is %s', (source, expected) => expect(isImageCell(source)).toBe(expected));

it.each([
  ['%load_ext kusto_magic', true],
  ['import os\n  %reload_ext kusto_magic', true],
  ['%load_ext kusto_magician', false]
])('loadsExtension(%j) is %s', (source, expected) => expect(loadsExtension(source)).toBe(expected));

describe('cellText', () => {
  it('has placeholders for an empty draft', () => {
    expect(cellText({})).toBe(
      '%%kusto_image my-image --base Python3_11_7\n# one package per line, such as humanize==4.9.0'
    );
  });

  it('prefers the Python version to the base image', () => {
    const draft = { name: 'img', base: 'parent', python: '3.10.8', requirements: 'numpy\n' };
    expect(cellText(draft)).toBe('%%kusto_image img --python 3.10.8\nnumpy');
  });

  it.each(['{print(1)}', 'a\nb', 'a\n%%bash\nb', 'a\u2028b', '--yes', 'x\n', '\u202ex'])(
    'refuses %j, which has a meaning in the line of a cell',
    text => {
      expect(() => cellText({ name: text })).toThrow('cannot be written into a cell');
      expect(() => cellText({ name: 'img', base: text })).toThrow('cannot be written into a cell');
      expect(() => cellText({ name: 'img', python: text })).toThrow('cannot be written into a cell');
    }
  );

  it.each([
    ['a b', "'a b'"],
    ['$x', "'$x'"],
    ["it's", `'it'"'"'s'`],
    ['Größe (2024)', "'Größe (2024)'"]
  ])('quotes the name %j of an image made with another tool', (text, argument) => {
    expect(cellText({ name: text, base: text, requirements: 'numpy' })).toBe(
      `%%kusto_image ${argument} --base ${argument}\nnumpy`
    );
  });
});

it.each([
  [undefined, '%load_ext kusto_magic'],
  [{ ...CLUSTER, emulator: true }, '%load_ext kusto_magic\n%kusto_image use emulator'],
  [CLUSTER, '%load_ext kusto_magic\n%kusto_image use --subscription s --resource-group rg --cluster help'],
  [
    { ...CLUSTER, resourceGroup: 'rg (test)', cloud: 'usgov' },
    "%load_ext kusto_magic\n%kusto_image use --subscription s --resource-group 'rg (test)' --cluster help --cloud usgov"
  ]
])('setupText of cluster %# selects it', (cluster, expected) => expect(setupText(cluster)).toBe(expected));
