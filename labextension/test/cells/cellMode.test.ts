import type { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it } from 'vitest';

import { CELL_MIME_TYPE } from '../../src/cells/cellLanguage';
import { CellMode } from '../../src/cells/cellMode';
import { FakePreferences } from '../support/builds';

const PYTHON = 'text/x-ipython';
const OURS = '%%kusto_image img';

class FakeCell {
  constructor(
    private _source: string,
    readonly type = 'code'
  ) {}

  readonly contentChanged = new Signal<this, void>(this);
  readonly mimeTypeChanged = new Signal<this, void>(this);
  readonly sharedModel = { getSource: (): string => this._source };

  get mimeType(): string {
    return this._mimeType;
  }

  set mimeType(value: string) {
    if (value !== this._mimeType) {
      this._mimeType = value;
      this.mimeTypeChanged.emit();
    }
  }

  setSource(source: string): void {
    this._source = source;
    this.contentChanged.emit();
  }

  private _mimeType = PYTHON;
}

class FakeCells {
  constructor(private readonly _cells: FakeCell[]) {}

  readonly changed = new Signal<this, void>(this);

  [Symbol.iterator](): Iterator<FakeCell> {
    return this._cells[Symbol.iterator]();
  }

  push(cell: FakeCell): void {
    this._cells.push(cell);
    this.changed.emit();
  }
}

let preferences: FakePreferences;

/** Connect a notebook with these cells. */
function connect(...cells: FakeCell[]): FakeCells {
  const list = new FakeCells(cells);
  const content = { codeMimetype: PYTHON, model: { cells: list }, modelChanged: new Signal<object, void>({}) };
  const panels = [{ content }];
  const notebooks = {
    forEach: (callback: (panel: (typeof panels)[0]) => void) => panels.forEach(callback),
    widgetAdded: new Signal<object, (typeof panels)[0]>({})
  };
  new CellMode(notebooks as unknown as INotebookTracker, preferences);
  return list;
}

beforeEach(() => {
  preferences = new FakePreferences();
});

describe('CellMode', () => {
  it('sets our MIME type on code cells that start with the magic', () => {
    const [ours, other, markdown] = [new FakeCell(OURS), new FakeCell('1 + 1'), new FakeCell(OURS, 'markdown')];
    connect(ours, other, markdown);
    expect([ours, other, markdown].map(cell => cell.mimeType)).toEqual([CELL_MIME_TYPE, PYTHON, PYTHON]);
  });

  it('follows changes of the source', () => {
    const cell = new FakeCell('1 + 1');
    connect(cell);
    cell.setSource(OURS);
    expect(cell.mimeType).toBe(CELL_MIME_TYPE);
    cell.setSource('1 + 1');
    expect(cell.mimeType).toBe(PYTHON);
  });

  it('sets the MIME type again after JupyterLab has reset it', () => {
    const cell = new FakeCell(OURS);
    connect(cell);
    cell.mimeType = PYTHON;
    expect(cell.mimeType).toBe(CELL_MIME_TYPE);
  });

  it('leaves cells of other kernels alone', () => {
    const cell = new FakeCell(OURS);
    cell.mimeType = 'text/x-rsrc';
    connect(cell);
    expect(cell.mimeType).toBe('text/x-rsrc');
  });

  it('connects cells that are added later', () => {
    const cell = new FakeCell(OURS);
    connect().push(cell);
    expect(cell.mimeType).toBe(CELL_MIME_TYPE);
  });

  it('follows the setting', () => {
    const cell = new FakeCell(OURS);
    connect(cell);
    preferences.set({ highlightCells: false });
    expect(cell.mimeType).toBe(PYTHON);
    preferences.set({ highlightCells: true });
    expect(cell.mimeType).toBe(CELL_MIME_TYPE);
  });
});
