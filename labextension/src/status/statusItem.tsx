/** The item in the status bar while a build is active. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { StateIcon } from '../components/state';
import type { IImagesModel } from '../tokens';
import { activeGroups, groupLabel, statusText } from './labels';

export class StatusItem extends ReactWidget {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle,
    private readonly _onClick: () => void
  ) {
    super();
    this.addClass('jp-KustoImage-status');
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._model.changed} shouldUpdate={(_, { name }) => name === 'builds'}>
        {() => this._renderButton()}
      </UseSignal>
    );
  }

  private _renderButton(): React.JSX.Element {
    const groups = activeGroups(this._model);
    const lines = groups.map(group => groupLabel(group, this._trans));
    return (
      <button type="button" title={[this._trans.__('Show Kusto images'), ...lines].join('\n')} onClick={this._onClick}>
        <StateIcon outcome={null} />
        {statusText(groups, this._trans)}
      </button>
    );
  }
}
