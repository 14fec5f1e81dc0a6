import { describe, expect, it } from 'vitest';

import { completed } from '../../src/cells/commandOffers';

describe('completed', () => {
  it('offers subcommands with their descriptions', () => {
    expect(completed('%kusto_image de')).toEqual({ typed: 'de', offers: { delete: 'Delete an image' } });
    expect(Object.keys(completed('  %kusto_image ').offers)).toContain('list');
  });

  it('offers the unused options of a subcommand', () => {
    const { typed, offers } = completed('%kusto_image delete img --yes --');
    expect(typed).toBe('--');
    expect(offers).toMatchObject({ '--wait': 'wait until it is done' });
    expect(offers).not.toHaveProperty('--yes');
    expect(offers).not.toHaveProperty('--base');
  });

  it('offers the options of a cell', () => {
    expect(Object.keys(completed('%%kusto_image img --ba').offers)).toEqual(['--base']);
  });

  it.each([
    '%kusto_image show ',
    '%kusto_image constructor --',
    '%kusto_image',
    '%other de',
    'x = 1',
    '%%kusto_image i'
  ])('leaves %j to the kernel', line => {
    expect(completed(line).offers).toEqual({});
  });
});
