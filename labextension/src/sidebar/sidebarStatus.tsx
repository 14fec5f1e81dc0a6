/** What the sidebar says above its tree: why there is nothing to show, and what to do. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type * as React from 'react';

import { CommandIDs } from '../commandIds';
import type { IImagesModel } from '../tokens';

export interface ISidebarStatusProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly commands: CommandRegistry;
}

export function SidebarStatus({ model, trans, commands }: ISidebarStatusProps): React.JSX.Element | null {
  switch (model.availability) {
    case 'unknown':
      return (
        <p role="status" className="jp-KustoImage-message">
          {trans.__('Loading…')}
        </p>
      );
    case 'missing':
      return (
        <p role="status" className="jp-KustoImage-message">
          {trans.__(
            'kusto_magic is not installed on this Jupyter server. Install it in the environment that runs JupyterLab to list images here. Cells work without it.'
          )}
        </p>
      );
    case 'failing':
      return <Alert text={trans.__('The Jupyter server cannot be reached or returned an error. Retrying…')} />;
    case 'available':
      break;
  }
  if (model.warning) {
    return <Alert text={model.warning} />;
  }
  return model.clusters.length ? null : <NoClusters trans={trans} commands={commands} />;
}

function Alert({ text }: { text: string }): React.JSX.Element {
  return (
    <p role="alert" className="jp-KustoImage-message jp-KustoImage-tone jp-mod-error">
      {text}
    </p>
  );
}

function NoClusters({ trans, commands }: Pick<ISidebarStatusProps, 'trans' | 'commands'>): React.JSX.Element {
  return (
    <div className="jp-KustoImage-welcome">
      <h3>{trans.__('No clusters yet')}</h3>
      <p role="status">{trans.__('Choose a cluster to see its images here, or try it on the local emulator.')}</p>
      <div className="jp-KustoImage-welcomeButtons">
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          onClick={() => void commands.execute(CommandIDs.chooseCluster)}
        >
          {trans.__('Choose cluster…')}
        </button>
        <button
          type="button"
          className="jp-mod-styled jp-KustoImage-secondary"
          onClick={() => void commands.execute(CommandIDs.useEmulator)}
        >
          {trans.__('Try the emulator')}
        </button>
      </div>
    </div>
  );
}
