/**
 * Gives `%%kusto_image` cells our language: code cells of Python kernels only, and only while the magic is there.
 *
 * The notebook sets the MIME type of its cells anew when the kernel changes, so that is watched too.
 */
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { CELL_MIME } from './cellLanguage';
import { isOurs } from './cellText';
import type { IPreferences } from '../model/preferences';

const PYTHON = new Set(['text/x-ipython', 'text/x-python']);

export class CellLanguage {
  constructor(notebooks: INotebookTracker, preferences: IPreferences) {
    this._preferences = preferences;
    notebooks.forEach(panel => this._watch(panel));
    notebooks.widgetAdded.connect((_, panel) => this._watch(panel));
    preferences.changed.connect(() => notebooks.forEach(panel => this._judgeAll(panel)));
  }

  private _watch(panel: NotebookPanel): void {
    const add = (): void => {
      const cells = panel.content.model?.cells;
      cells?.changed.connect(() => this._judgeAll(panel));
      this._judgeAll(panel);
    };
    panel.content.modelChanged.connect(add);
    add();
  }

  private _judgeAll(panel: NotebookPanel): void {
    for (const cell of panel.content.model?.cells ?? []) {
      if (cell.type === 'code') {
        this._listen(cell, panel);
        this._judge(cell, panel);
      }
    }
  }

  private _listen(cell: ICellModel, panel: NotebookPanel): void {
    if (!this._known.has(cell)) {
      this._known.add(cell);
      cell.contentChanged.connect(() => this._judge(cell, panel));
      cell.mimeTypeChanged.connect(() => this._judge(cell, panel));
    }
  }

  private _judge(cell: ICellModel, panel: NotebookPanel): void {
    const wanted = this._preferences.values.highlightCells && isOurs(cell.sharedModel.getSource());
    if (wanted && PYTHON.has(cell.mimeType)) {
      cell.mimeType = CELL_MIME;
    } else if (!wanted && cell.mimeType === CELL_MIME) {
      cell.mimeType = panel.content.codeMimetype;
    }
  }

  private readonly _preferences: IPreferences;
  private readonly _known = new WeakSet<ICellModel>();
}
