import { describe, expect, it } from 'vitest';

import { formatDateTime } from '../../src/components/time';
import { isNumeric, readTable } from '../../src/tables/tableData';

const AT = '2026-11-26T05:40:05+00:00';
const TABLE = {
  version: 1,
  caption: 'Images',
  head: ['Image', 'Packages'],
  rows: [
    [
      { kind: 'text', text: 'img' },
      { kind: 'count', text: '2' }
    ]
  ],
  empty: '',
  notes: ['A note.']
};

describe('readTable', () => {
  it('reads a table', () => {
    const table = readTable(TABLE);
    expect(table).toMatchObject({ caption: 'Images', head: ['Image', 'Packages'], notes: ['A note.'] });
    expect(table?.rows[0]?.[0]).toEqual({ kind: 'text', text: 'img', outcome: null, at: '' });
    expect([0, 1].map(column => table && isNumeric(table, column))).toEqual([false, true]);
  });

  it.each([null, 1, [], {}, { ...TABLE, version: 2 }])('returns null for %j', data => {
    expect(readTable(data)).toBeNull();
  });

  it('treats members of a wrong type as absent', () => {
    const broken = { version: 1, caption: 1, head: [2, 'A'], rows: [3, [4, { kind: 'html', text: '<b>' }]], notes: {} };
    const cell = { kind: 'text', text: '<b>', outcome: null, at: '' };
    expect(readTable(broken)).toEqual({ caption: '', head: ['A'], rows: [[], [cell]], empty: '', notes: [] });
    expect(readTable({ version: 1, rows: 'none' })?.rows).toEqual([]);
  });

  it('reads the outcome of a state and makes invisible characters visible', () => {
    const state = { kind: 'state', text: 'Failed\u202e', outcome: 'failed' };
    const unknown = { kind: 'state', text: 'x', outcome: '__proto__' };
    const [first, second] = readTable({ ...TABLE, rows: [[state], [unknown]] })?.rows ?? [];
    expect(first?.[0]).toMatchObject({ text: 'Failed\\u{202e}', outcome: 'failed' });
    expect(second?.[0]?.outcome).toBeNull();
  });
});

describe('formatDateTime', () => {
  it('returns the time in the time zone of the reader', () => {
    const expected = new Date(AT).toLocaleString(undefined, {
      dateStyle: 'medium',
      timeStyle: 'short',
      hourCycle: 'h23'
    });
    expect(formatDateTime(AT)).toBe(expected);
  });

  it('returns "" for what is not a time', () => {
    expect(['', 'yesterday'].map(formatDateTime)).toEqual(['', '']);
  });
});
