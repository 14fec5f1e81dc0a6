/** In the status bar while something builds, and the section in *Running*. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRunningSessions } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { duration, glyph, WORKING } from '../cards/cardData';
import { imageIcon } from '../icon';
import { type IThing, over, things } from '../model/buildGroups';
import type { IImagesModel } from '../tokens';

export class StatusItem extends ReactWidget {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle,
    private readonly _open: () => void
  ) {
    super();
    this.addClass('jp-KustoImage-status');
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <button type="button" title={this._title()} onClick={this._open}>
            {this._words()}
          </button>
        )}
      </UseSignal>
    );
  }

  private _words(): string {
    const [first, ...more] = atWork(this._model);
    if (!first) {
      return '';
    }
    if (more.length) {
      return this._trans.__('%1 %2 Kusto images in work', WORKING, more.length + 1);
    }
    const { state, image } = first.builds[0].card;
    return first.isFleet ? line(first, this._trans) : `${glyph(state)} ${state} ${image}`;
  }

  private _title(): string {
    return [this._trans.__('Show the Kusto images'), ...atWork(this._model).map(it => line(it, this._trans))].join(
      '\n'
    );
  }
}

/** The section in *Running Terminals and Kernels*. The service cannot cancel a build, so nothing is shut down here. */
export function runningSection(
  model: IImagesModel,
  trans: TranslationBundle,
  open: (id: string) => void
): IRunningSessions.IManager {
  return {
    name: trans.__('Kusto image builds'),
    running: () =>
      atWork(model).map(thing => {
        const { card } = thing.builds[0];
        return {
          className: 'jp-KustoImage-running',
          icon: () => imageIcon,
          label: () => line(thing, trans),
          labelTitle: () => trans.__('Open the record of image %1', card.image),
          detail: () => duration(card.seconds),
          open: () => open(card.id)
        };
      }),
    runningChanged: model.changed,
    refreshRunning: () => void model.refresh(),
    shutdownAll: () => undefined,
    shutdownAllLabel: ''
  };
}

function atWork(model: IImagesModel): IThing[] {
  return things(model.builds).filter(thing => thing.active);
}

function line(thing: IThing, trans: TranslationBundle): string {
  const { card } = thing.builds[0];
  if (thing.isFleet) {
    return trans.__('%1 %2 of %3 clusters: %4', WORKING, over(thing), thing.builds.length, card.image);
  }
  return `${glyph(card.state)} ${card.state}: ${card.image} · ${card.cluster}`;
}
