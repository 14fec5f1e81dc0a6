/** In the status bar while something builds, and the section in *Running*. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRunningSessions } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { IBuild } from './api';
import { duration, glyph } from './card';
import { imageIcon } from './icon';
import type { IImagesModel } from './tokens';

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
    const [first, ...more] = this._model.active;
    if (!first) {
      return '';
    }
    const { state, image } = first.card;
    return more.length
      ? this._trans.__('%1 %2 Kusto images in work', glyph(state), more.length + 1)
      : `${glyph(state)} ${state} ${image}`;
  }

  private _title(): string {
    return [this._trans.__('Show the Kusto images'), ...this._model.active.map(line)].join('\n');
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
      model.active.map(build => ({
        className: 'jp-KustoImage-running',
        icon: () => imageIcon,
        label: () => line(build),
        labelTitle: () => trans.__('Open the record of image %1', build.card.image),
        detail: () => duration(build.card.seconds),
        open: () => open(build.card.id)
      })),
    runningChanged: model.changed,
    refreshRunning: () => void model.refresh(),
    shutdownAll: () => undefined,
    shutdownAllLabel: ''
  };
}

function line({ card }: IBuild): string {
  return `${glyph(card.state)} ${card.state}: ${card.image} · ${card.cluster}`;
}
