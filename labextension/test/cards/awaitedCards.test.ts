import { expect, it } from 'vitest';

import { isAwaitedCard } from '../../src/cards/awaitedCards';
import { BUILD_MIME_TYPE } from '../../src/cards/cardData';
import { FLEET_MIME_TYPE } from '../../src/cards/fleetData';
import type { ICardOutputModel } from '../../src/cards/savedCards';

const output = (data: object, metadata: object): ICardOutputModel =>
  ({ data, metadata }) as unknown as ICardOutputModel;
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
  expect(isAwaitedCard(output(data, metadata), 'a')).toBe(expected);
});
