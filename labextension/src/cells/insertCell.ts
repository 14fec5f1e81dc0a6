/** Inserts cells into the current notebook, or into a new one. */
import { type INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { ServiceManager } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';

import { loadsExtension } from './cellText';

export interface IInsertOptions {
  readonly commands: CommandRegistry;
  readonly notebooks: INotebookTracker;
  readonly serviceManager: ServiceManager.IManager;
}

/** Insert a cell below the active one, preceded by `setup` if no cell loads the extension. */
export async function insertCell(options: IInsertOptions, text: string, setup: string): Promise<void> {
  const panel = options.notebooks.currentWidget ?? (await createNotebook(options));
  await panel.context.ready;
  const sources = panel.content.widgets.map(cell => cell.model.sharedModel.getSource());
  if (!sources.some(loadsExtension)) {
    writeCell(panel, setup);
  }
  writeCell(panel, text);
  panel.content.mode = 'edit';
  panel.activate();
}

/** Write to the active cell if it is an empty code cell, otherwise to a new one below it. */
function writeCell(panel: NotebookPanel, text: string): void {
  const notebook = panel.content;
  const active = notebook.activeCell?.model;
  if (active?.type !== 'code' || active.sharedModel.getSource().trim() !== '') {
    NotebookActions.insertBelow(notebook);
    // The new cell has the type of the user's default, which can be Markdown.
    NotebookActions.changeCellType(notebook, 'code');
  }
  notebook.activeCell?.model.sharedModel.setSource(text);
}

async function createNotebook({ commands, serviceManager }: IInsertOptions): Promise<NotebookPanel> {
  await serviceManager.kernelspecs.ready;
  // Without a name JupyterLab opens a dialog that asks for the kernel.
  const kernelName = serviceManager.kernelspecs.specs?.default;
  return (await commands.execute('notebook:create-new', { kernelName })) as NotebookPanel;
}
