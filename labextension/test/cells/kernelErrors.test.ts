import { expect, it } from 'vitest';

import { loadedPart, missingPart } from '../../src/cells/kernelErrors';

const LOAD = '%load_ext kusto_magic';
const NO_PACKAGE = "No module named 'kusto_magic'";

it.each([
  [LOAD, 'ModuleNotFoundError', NO_PACKAGE, 'package'],
  ['import kusto_magic', 'ModuleNotFoundError', NO_PACKAGE, 'package'],
  [LOAD, 'ModuleNotFoundError', "No module named 'kusto_magic.magic'", null],
  [LOAD, 'ModuleNotFoundError', "No module named 'httpx'", null],
  [LOAD, 'ImportError', NO_PACKAGE, null],
  ['helper()', 'ModuleNotFoundError', NO_PACKAGE, null],
  ['%%kusto_image img', 'UsageError', 'Cell magic `%%kusto_image` not found.', 'extension'],
  ['%kusto_image list', 'UsageError', 'Line magic function `%kusto_image` not found.', 'extension'],
  ['%%kusto_image img', 'UsageError', 'unrecognized arguments', null],
  ['%%kusto_images', 'UsageError', 'Cell magic `%%kusto_images` not found.', null]
])('cell %s with %s: %s lacks %s', (source, name, value, missing) =>
  expect(missingPart(source, name, value)).toBe(missing)
);

it.each([
  ['# first\n%load_ext kusto_magic\n', 'extension'],
  ['%kusto_image list', null],
  ['%load_ext autoreload', null]
])('after cell %j the kernel has %s', (source, loaded) => expect(loadedPart(source)).toBe(loaded));
