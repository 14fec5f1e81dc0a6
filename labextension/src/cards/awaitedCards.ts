/** The operations that a cell of an open notebook waits for. */
import type { INotebookTracker } from '@jupyterlab/notebook';

import { isObject } from '../model/json';
import { BUILD_MIME_TYPE } from './cardData';
import { FLEET_MIME_TYPE } from './fleetData';
import { outputsOf } from './outputs';
import type { ICardOutputModel } from './savedCards';

export function isAwaited(notebooks: INotebookTracker, id: string): boolean {
  // `find` returns undefined if no notebook matches.
  return notebooks.find(panel => [...outputsOf(panel)].some(output => isAwaitedCard(output, id))) !== undefined;
}

/** Return whether an output has the card of a build or a fleet for which its cell waits. */
export function isAwaitedCard({ data, metadata }: ICardOutputModel, id: string): boolean {
  const { kusto_image: ours } = metadata;
  const isOurs = isObject(ours) && ours.awaited === true;
  return isOurs && [BUILD_MIME_TYPE, FLEET_MIME_TYPE].some(type => hasId(data[type], id));
}

function hasId(card: unknown, id: string): boolean {
  return isObject(card) && card.id === id;
}
