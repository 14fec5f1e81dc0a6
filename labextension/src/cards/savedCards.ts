/**
 * Writes what the server knows into the outputs of the open notebooks, so that saving keeps the newest state.
 *
 * A kernel that was restarted no longer updates the card of a build that it started; the server follows the build. The
 * server also renders the html and the text, which pages without this extension show.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { IImagesModel } from '../tokens';
import { BUILD_MIME_TYPE, type ICard, isDone, isSameOperation, readCard } from './cardData';
import { FLEET_MIME_TYPE, type IFleet, readFleet, updateFleet } from './fleetData';
import { outputsOf } from './outputs';

/** The part of an output that is used. */
export type ICardOutputModel = Pick<IOutputModel, 'data' | 'metadata' | 'setData'>;

interface INewerState {
  readonly id: string;
  readonly state: string;
}

export function updateSavedCards(notebooks: INotebookTracker, model: IImagesModel): void {
  const cards = new SavedCards(model);
  const update = (panel: NotebookPanel): void => void cards.update(outputsOf(panel));
  model.changed.connect((_, { name }) => name === 'builds' && notebooks.forEach(update));
  notebooks.widgetAdded.connect((_, panel) => void panel.context.ready.then(() => panel.isDisposed || update(panel)));
}

/** Delays between the attempts to write a state, in milliseconds; without a further change nothing else would write it. */
const DELAYS = [0, 500, 1000, 2000, 4000, 8000, 16_000];

export class SavedCards {
  constructor(
    private readonly _model: Pick<IImagesModel, 'builds' | 'findBuild' | 'getOutput'>,
    private readonly _wait: (milliseconds: number) => Promise<void> = wait
  ) {}

  /** Write newer states into those of the outputs that have a card of an older one. */
  async update(outputs: Iterable<ICardOutputModel>): Promise<void> {
    await Promise.all([...outputs].map(output => this._update(output)));
  }

  private async _update(output: ICardOutputModel): Promise<void> {
    const newer = this._newerState(output);
    if (!newer || this._requested.get(output) === newer.state) {
      return;
    }
    this._requested.set(output, newer.state);
    for (const delay of DELAYS) {
      await this._wait(delay);
      if (!this._isNewer(output, newer)) {
        return;
      }
      await this._write(output, newer);
    }
    if (this._isNewer(output, newer)) {
      this._requested.delete(output); // requested again after the next change
    }
  }

  /** Write the data of the server, unless the request fails, or its response is older than the list of builds. */
  private async _write(output: ICardOutputModel, newer: INewerState): Promise<void> {
    const data = await this._model.getOutput(newer.id).catch(() => null);
    const received = readCard(data?.[BUILD_MIME_TYPE]) ?? readFleet(data?.[FLEET_MIME_TYPE]);
    // The kernel may have written it meanwhile.
    if ((received?.ended || received?.state === newer.state) && this._isNewer(output, newer)) {
      output.setData({ data: data as ReadonlyPartialJSONObject, metadata: output.metadata });
    }
  }

  /** Return whether a state is still what is to be written into an output. */
  private _isNewer(output: ICardOutputModel, { id, state }: INewerState): boolean {
    const newer = this._newerState(output);
    return newer !== null && newer.id === id && newer.state === state;
  }

  /** Return what the server knows of a card that is in progress, null if it is nothing new. */
  private _newerState({ data }: ICardOutputModel): INewerState | null {
    const card = readCard(data[BUILD_MIME_TYPE]);
    if (card) {
      return this._newerBuild(card);
    }
    const fleet = readFleet(data[FLEET_MIME_TYPE]);
    return fleet && this._endedFleet(fleet);
  }

  private _newerBuild(card: ICard): INewerState | null {
    const known = isDone(card) ? undefined : this._model.findBuild(card.id)?.card;
    const isSame = known !== undefined && isSameOperation(known, card);
    return isSame && (isDone(known) || known.state !== card.state) ? known : null;
  }

  private _endedFleet(fleet: IFleet): INewerState | null {
    const updated = updateFleet(fleet, this._model.builds);
    return updated.ended && !fleet.ended ? updated : null;
  }

  /** The state that was last requested for each output. */
  private readonly _requested = new WeakMap<ICardOutputModel, string>();
}

function wait(milliseconds: number): Promise<void> {
  return new Promise(resolve => void setTimeout(resolve, milliseconds));
}
