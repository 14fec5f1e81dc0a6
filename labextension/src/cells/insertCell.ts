/** Puts cells into the notebook at hand, or into a new one. */
import type { CommandRegistry } from '@lumino/commands';
import { INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { ServiceManager } from '@jupyterlab/services';

import { loadsMagics } from './cellText';

export interface IWorkplace {
  readonly commands: CommandRegistry;
  readonly notebooks: INotebookTracker;
  readonly services: ServiceManager.IManager;
}

/** Insert a cell below the active one; before it one with `setup` where no cell loads the magics yet. */
export async function insertCell(place: IWorkplace, text: string, setup: string): Promise<void> {
  const panel = place.notebooks.currentWidget ?? (await createNotebook(place));
  await panel.context.ready;
  const sources = panel.content.widgets.map(cell => cell.model.sharedModel.getSource());
  if (!sources.some(loadsMagics)) {
    write(panel, setup);
  }
  write(panel, text);
  panel.content.mode = 'edit';
  panel.activate();
}

function write(panel: NotebookPanel, text: string): void {
  const notebook = panel.content;
  const active = notebook.activeCell?.model;
  if (active?.type !== 'code' || active.sharedModel.getSource().trim() !== '') {
    NotebookActions.insertBelow(notebook);
    NotebookActions.changeCellType(notebook, 'code');
  }
  notebook.activeCell?.model.sharedModel.setSource(text);
}

async function createNotebook({ commands, services }: IWorkplace): Promise<NotebookPanel> {
  await services.kernelspecs.ready;
  const kernelName = services.kernelspecs.specs?.default;
  return (await commands.execute('notebook:create-new', { kernelName })) as NotebookPanel;
}
