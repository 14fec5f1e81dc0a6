import { expect, it } from 'vitest';

import type { ExportFormat } from '../../src/api/api';
import { FORMATS, exportFile } from '../../src/details/exportFormats';

it.each<[ExportFormat, string, string]>([
  ['bicep', 'fore.cast.bicep', 'text/plain'],
  ['requirements', 'fore.cast-requirements.txt', 'text/plain'],
  ['pylock', 'pylock.fore-cast.toml', 'application/toml'],
  ['cyclonedx', 'fore.cast.cdx.json', 'application/vnd.cyclonedx+json']
])('exportFile names the file of %s', (format, name, type) => {
  expect(exportFile(format, 'fore.cast')).toEqual({ name, type });
});

it('exportFile has the name of the image once in each format', () => {
  const formats = Object.keys(FORMATS) as ExportFormat[];
  expect(formats.map(format => exportFile(format, 'img').name.split('img').length)).toEqual(formats.map(() => 2));
});
