import { expect, it } from 'vitest';

import { isAwaitedCard } from '../../src/cards/awaitedCards';
import { BUILD_MIME_TYPE } from '../../src/cards/cardData';
import { FLEET_MIME_TYPE } from '../../src/cards/fleetData';
import type { ICardOutputModel } from '../../src/cards/savedCards';

const output = (data: object, metadata: object): ICardOutputModel =>
  ({ data, metadata }) as unknown as ICardOutputModel;
const STARTED = '2026-11-26T08:00:00+00:00';
const LATER = Date.parse(STARTED) + 60_000;
const AWAITED = { kusto_image: { awaited: true } };

it.each([
  [{ [BUILD_MIME_TYPE]: { id: 'a' } }, AWAITED, true],
  [{ [FLEET_MIME_TYPE]: { id: 'a' } }, AWAITED, true],
  [{ [BUILD_MIME_TYPE]: { id: 'b' } }, AWAITED, false],
  [{ [BUILD_MIME_TYPE]: { id: 'a' } }, { kusto_image: { awaited: false } }, false],
  [{ [BUILD_MIME_TYPE]: { id: 'a' } }, { kusto_image: 'awaited' }, false],
  [{ [BUILD_MIME_TYPE]: 'a' }, AWAITED, false],
  [{ 'text/plain': 'a' }, {}, false]
])('the output %j with the metadata %j is awaited: %s', (data, metadata, expected) => {
  expect(isAwaitedCard(output(data, metadata), 'a', LATER)).toBe(expected);
});

it('what was started a moment ago is awaited', () => {
  const shown = output({ [BUILD_MIME_TYPE]: { id: 'a', startedAt: STARTED } }, {});
  const after = (seconds: number): boolean => isAwaitedCard(shown, 'a', Date.parse(STARTED) + seconds * 1000);
  expect([after(1), after(9), after(11)]).toEqual([true, true, false]);
});
