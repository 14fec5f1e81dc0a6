import { describe, expect, it } from 'vitest';

import { duration, elapsed, glyph, type ICard, isNewer, readCard, share } from '../../src/cards/cardData';

const AS_OF = '2026-11-23T12:00:00+00:00';

function card(more: object = {}): ICard {
  const read = readCard({ version: 1, id: 'a', state: 'Building', asOf: AS_OF, seconds: 10, ...more });
  if (!read) {
    throw new Error('no card');
  }
  return read;
}

describe('readCard', () => {
  it.each([null, undefined, [], 'text', {}, { version: 2, id: 'a', state: 's' }, { version: 1, id: 3, state: 's' }])(
    'refuses %j',
    data => expect(readCard(data)).toBeNull()
  );

  it('reads wrong types as absent', () => {
    expect(card({ image: 3, error: ['one', 2], ended: 'yes', usualHigh: '9' })).toMatchObject({
      image: '',
      error: ['one'],
      ended: false,
      usualHigh: 0
    });
  });
});

describe('isNewer', () => {
  const later = '2026-11-23T12:00:01+00:00';
  it.each([
    [{ asOf: later }, {}, true],
    [{}, { asOf: later }, false],
    [{}, {}, false],
    [{ ended: true }, { asOf: later }, true],
    [{ asOf: later }, { ended: true }, false],
    [{ ended: true, asOf: later }, { ended: true }, false]
  ])('%j against %j: %s', (other, known, expected) => {
    expect(isNewer(card(other), card(known))).toBe(expected);
  });
});

describe('the bar', () => {
  it('follows the estimate, is full only at a good end, and empty where nothing is known', () => {
    expect(share(card(), 50)).toBe(0);
    expect(share(card({ usualHigh: 100 }), 50)).toBeCloseTo(0.475);
    expect(share(card({ usualHigh: 100 }), 5000)).toBe(0.95);
    expect(share(card({ usualHigh: 100, ended: true, state: 'Succeeded' }), 50)).toBe(1);
    expect(share(card({ usualHigh: 100, ended: true, state: 'Failed' }), 50)).toBe(0);
  });

  it('counts on by its own clock until the end', () => {
    expect(elapsed(card(), 1000, 3500)).toBe(12.5);
    expect(elapsed(card(), 3500, 1000)).toBe(10);
    expect(elapsed(card({ ended: true }), 1000, 3500)).toBe(10);
  });
});

it.each([
  [48, '48 s'],
  [60, '1 min'],
  [302, '5 min 2 s'],
  [3600, '1 h 0 min'],
  [3780, '1 h 3 min']
])('%d seconds are %s', (seconds, words) => expect(duration(seconds)).toBe(words));

it('has a glyph for every state', () => {
  expect(['Succeeded', 'Failed', 'Building', 'Unknown'].map(glyph)).toEqual(['✔', '✖', '⏳', '?']);
});
