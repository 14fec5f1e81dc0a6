import { describe, expect, it } from 'vitest';

import {
  elapsedSeconds,
  formatDuration,
  type ICard,
  isNewer,
  progressFraction,
  readCard
} from '../../src/cards/cardData';
import { withOutcome } from '../support/builds';

const AS_OF = '2026-11-23T12:00:00+00:00';

function card(more: object = {}): ICard {
  const read = readCard(withOutcome({ version: 1, id: 'a', state: 'Building', asOf: AS_OF, seconds: 10, ...more }));
  if (!read) {
    throw new Error('no card');
  }
  return read;
}

describe('readCard', () => {
  it.each([null, undefined, [], 'text', {}, { version: 2, id: 'a', state: 's' }, { version: 1, id: 3, state: 's' }])(
    'returns null for %j',
    data => expect(readCard(data)).toBeNull()
  );

  it('treats members of a wrong type as absent', () => {
    expect(card({ image: 3, error: ['one', 2], ended: 'yes', usualHigh: '9' })).toMatchObject({
      image: '',
      error: ['one'],
      ended: false,
      estimateHigh: 0
    });
  });

  it('escapes control, bidirectional and zero-width characters, but keeps emoji and line breaks', () => {
    const text = '\x1b[2J\u202ex\u200b\u200dy\u{e0041}\r';
    const shown = '\\u{1b}[2J\\u{202e}x\\u{200b}\\u{200d}y\\u{e0041}\\u{d}';
    const read = card({ image: text, state: text, error: [text], note: '👩‍👩‍👧\n\tü', plan: { warnings: [text] } });
    expect(read).toMatchObject({ image: shown, state: shown, error: [shown], note: '👩‍👩‍👧\n\tü' });
    expect(read.plan?.warnings).toEqual([shown]);
  });

  it('reads a card of an older version, which has no reason and no detail', () => {
    expect(card({ error: ['building failed'] })).toMatchObject({ reason: '', detail: '', error: ['building failed'] });
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

describe('progressFraction', () => {
  it('follows the estimate, is 1 only after a success and 0 without an estimate', () => {
    expect(progressFraction(card(), 50)).toBe(0);
    expect(progressFraction(card({ usualHigh: 100 }), 50)).toBeCloseTo(0.475);
    expect(progressFraction(card({ usualHigh: 100, waited: 40 }), 50)).toBeCloseTo(0.095);
    expect(progressFraction(card({ usualHigh: 100, waited: 60 }), 50)).toBe(0);
    expect(progressFraction(card({ usualHigh: 100 }), 5000)).toBe(0.95);
    expect(progressFraction(card({ usualHigh: 100, ended: true, state: 'Succeeded' }), 50)).toBe(1);
    expect(progressFraction(card({ usualHigh: 100, ended: true, state: 'Failed' }), 50)).toBe(0);
  });
});

describe('elapsedSeconds', () => {
  it('adds the time since the card was received until the build is done', () => {
    expect(elapsedSeconds(card(), 1000, 3500)).toBe(12.5);
    expect(elapsedSeconds(card(), 3500, 1000)).toBe(10);
    expect(elapsedSeconds(card({ ended: true }), 1000, 3500)).toBe(10);
  });
});

it.each([
  [48, '48 s'],
  [60, '1 min'],
  [302, '5 min 2 s'],
  [3600, '1 h 0 min'],
  [3780, '1 h 3 min']
])('formatDuration(%d) returns %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
