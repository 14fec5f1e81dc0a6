/**
 * Gives cells that start with `%%kusto_image` the MIME type of our language.
 *
 * Only code cells of Python kernels, and only while they start with the magic. JupyterLab resets the MIME type of all
 * cells when the kernel changes, so that is observed as well.
 */
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { IPreferences } from '../tokens';
import { CELL_MIME_TYPE } from './cellLanguage';
import { isImageCell } from './cellText';

const PYTHON_MIME_TYPES: ReadonlySet<string> = new Set(['text/x-ipython', 'text/x-python']);

/** Return whether a MIME type is that of the code cells of a Python kernel. */
export function isPython(mimeType: string): boolean {
  return PYTHON_MIME_TYPES.has(mimeType);
}

export class CellMode {
  constructor(
    notebooks: INotebookTracker,
    private readonly _preferences: IPreferences
  ) {
    notebooks.forEach(panel => this._connectPanel(panel));
    notebooks.widgetAdded.connect((_, panel) => this._connectPanel(panel));
    _preferences.changed.connect(() => notebooks.forEach(panel => this._updateCells(panel)));
  }

  private _connectPanel(panel: NotebookPanel): void {
    const connectModel = (): void => {
      panel.content.model?.cells.changed.connect(() => this._updateCells(panel));
      this._updateCells(panel);
    };
    panel.content.modelChanged.connect(connectModel);
    connectModel();
  }

  private _updateCells(panel: NotebookPanel): void {
    for (const cell of panel.content.model?.cells ?? []) {
      if (cell.type === 'code') {
        this._connectCell(cell, panel);
        this._updateCell(cell, panel);
      }
    }
  }

  private _connectCell(cell: ICellModel, panel: NotebookPanel): void {
    if (!this._connectedCells.has(cell)) {
      this._connectedCells.add(cell);
      cell.contentChanged.connect(() => this._updateCell(cell, panel));
      cell.mimeTypeChanged.connect(() => this._updateCell(cell, panel));
    }
  }

  private _updateCell(cell: ICellModel, panel: NotebookPanel): void {
    const isOurs = this._preferences.values.highlightCells && isImageCell(cell.sharedModel.getSource());
    if (isOurs && isPython(cell.mimeType)) {
      cell.mimeType = CELL_MIME_TYPE;
    } else if (!isOurs && cell.mimeType === CELL_MIME_TYPE) {
      cell.mimeType = panel.content.codeMimetype;
    }
  }

  private readonly _connectedCells = new WeakSet<ICellModel>();
}
