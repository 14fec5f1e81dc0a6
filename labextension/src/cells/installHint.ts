/**
 * Explains what to do if the kernel of a notebook has no kusto_magic.
 *
 * The front end comes from the environment of the Jupyter server; a kernel may run in another one.
 */
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { type INotebookTracker, type Notebook, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { INSTALL_COMMAND, LOAD_COMMAND, loadedPart, type MissingPart, missingPart } from './kernelErrors';

/** Show a notification for each kernel and missing part, once; it is dismissed when the kernel has the part. */
export function showInstallHints(notebooks: INotebookTracker, trans: TranslationBundle): void {
  const shown = new Map<string, string>();
  NotebookActions.executed.connect((_, { notebook, cell, error, success }) => {
    const source = cell.model.sharedModel.getSource();
    const kernel = notebooks.find(panel => panel.content === notebook)?.sessionContext.session?.kernel;
    if (!kernel) {
      return;
    }
    const missing = error && missingPart(source, error.errorName, error.errorValue);
    if (missing && !shown.has(`${missing} ${kernel.id}`)) {
      shown.set(`${missing} ${kernel.id}`, showHint(missing, notebook, cell, trans));
    }
    if (success) {
      Notification.dismiss(shown.get(`${loadedPart(source)} ${kernel.id}`) ?? '');
    }
  });
}

function showHint(missing: MissingPart, notebook: Notebook, cell: Cell, trans: TranslationBundle): string {
  const isPackage = missing === 'package';
  const command = isPackage ? INSTALL_COMMAND : LOAD_COMMAND;
  const message = isPackage
    ? trans.__('kusto_magic is not installed in the kernel of this notebook. Run %1, then restart the kernel.', command)
    : trans.__('kusto_magic is not loaded in the kernel of this notebook. Run %1 first.', command);
  const insert = (): void => insertNextTo(notebook, cell, command, isPackage ? 'insertBelow' : 'insertAbove');
  return Notification.warning(message, {
    autoClose: false,
    actions: [{ label: trans.__('Insert cell'), callback: insert }]
  });
}

function insertNextTo(notebook: Notebook, cell: Cell, text: string, insert: 'insertBelow' | 'insertAbove'): void {
  if (notebook.isDisposed) {
    return; // the notification outlives its notebook
  }
  const index = notebook.widgets.indexOf(cell);
  notebook.activeCellIndex = index < 0 ? notebook.activeCellIndex : index;
  NotebookActions[insert](notebook);
  NotebookActions.changeCellType(notebook, 'code');
  notebook.activeCell?.model.sharedModel.setSource(text);
}
