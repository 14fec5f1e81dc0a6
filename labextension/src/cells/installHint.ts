/**
 * Tells what to do where a notebook's kernel has no kusto_magic.
 *
 * This page belongs to the Jupyter server's environment; a kernel may be in another one.
 */
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { type INotebookTracker, type Notebook, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { INSTALL, LOAD, type Lack, lackOf } from './kernelErrors';

export function tellWhatIsMissing(notebooks: INotebookTracker, trans: TranslationBundle): void {
  const told = new Set<string>();
  NotebookActions.executed.connect((_, { notebook, cell, error }) => {
    const lack = error ? lackOf(cell.model.sharedModel.getSource(), error.errorName, error.errorValue) : null;
    const kernel = notebooks.find(panel => panel.content === notebook)?.sessionContext.session?.kernel;
    if (lack && kernel && !told.has(`${lack} ${kernel.id}`)) {
      told.add(`${lack} ${kernel.id}`);
      tell(lack, notebook, cell, trans);
    }
  });
}

function tell(lack: Lack, notebook: Notebook, cell: Cell, trans: TranslationBundle): void {
  const [words, text] =
    lack === 'package'
      ? [trans.__('The kernel of this notebook has no kusto_magic. Run %1, then restart the kernel.', INSTALL), INSTALL]
      : [trans.__('The magics of kusto_magic are not loaded in this kernel. Run %1 first.', LOAD), LOAD];
  const insert = (): void => insertAt(notebook, cell, text, lack === 'package' ? 'insertBelow' : 'insertAbove');
  Notification.warning(words, { autoClose: false, actions: [{ label: trans.__('Insert cell'), callback: insert }] });
}

function insertAt(notebook: Notebook, cell: Cell, text: string, insert: 'insertBelow' | 'insertAbove'): void {
  if (notebook.isDisposed) {
    return;
  }
  const index = notebook.widgets.indexOf(cell);
  notebook.activeCellIndex = index < 0 ? notebook.activeCellIndex : index;
  NotebookActions[insert](notebook);
  NotebookActions.changeCellType(notebook, 'code');
  notebook.activeCell?.model.sharedModel.setSource(text);
}
