/** The operations whose end a user of an open notebook awaits: a cell waits for it, or has just started it. */
import type { INotebookTracker } from '@jupyterlab/notebook';

import { isObject, readObjects, textReader } from '../model/json';
import { BUILD_MIME_TYPE } from './cardData';
import { FLEET_MIME_TYPE } from './fleetData';
import { outputsOf } from './outputs';
import type { ICardOutputModel } from './savedCards';

/** Milliseconds after its start during which the user of a notebook still looks at what an operation comes to. */
const ATTENTION = 10_000;

export function isAwaited(notebooks: INotebookTracker, id: string): boolean {
  // `find` returns undefined if no notebook matches.
  return notebooks.find(panel => [...outputsOf(panel)].some(output => isAwaitedCard(output, id))) !== undefined;
}

/** Return whether an output has the card of a build or a fleet whose end is awaited at `now`, in milliseconds. */
export function isAwaitedCard({ data, metadata }: ICardOutputModel, id: string, now = Date.now()): boolean {
  const card = [BUILD_MIME_TYPE, FLEET_MIME_TYPE].flatMap(type => readObjects([data[type]])).find(it => it.id === id);
  const { kusto_image: ours } = metadata;
  const isWaitedFor = isObject(ours) && ours.awaited === true;
  return card !== undefined && (isWaitedFor || now - Date.parse(textReader(card)('startedAt')) < ATTENTION);
}
