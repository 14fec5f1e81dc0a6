/** What the cards of a page do with their notebooks and with the commands. */
import { Clipboard } from '@jupyterlab/apputils';
import type { CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';

import { isImageCell } from '../cells/cellText';
import { applyFix, canCorrect, canFixLine, correctCell } from '../cells/requirementLines';
import { CommandIDs } from '../commandIds';
import type { ICorrection } from '../model/plan';
import type { IImageDraft } from '../tokens';
import type { ICardHost } from './cardActions';

export class NotebookHost implements ICardHost {
  constructor(
    private readonly _commands: CommandRegistry,
    private readonly _notebooks: INotebookTracker | null
  ) {}

  editCell(host: HTMLElement, draft: IImageDraft): void {
    const found = this._findCell(host);
    if (found && isImageCell(found.cell.model.sharedModel.getSource())) {
      edit(found);
    } else {
      void this._commands.execute(CommandIDs.insertCell, { ...draft });
    }
  }

  canReplaceLine(host: HTMLElement, requirements: string, line: number): boolean {
    const found = this._findCell(host);
    return found !== null && canFixLine(found.cell.model.sharedModel, requirements, line);
  }

  replaceLine(host: HTMLElement, requirements: string, line: number, text: string): void {
    const found = this._findCell(host);
    if (found) {
      applyFix(found.cell.model.sharedModel, requirements, line, text);
      edit(found); // the user runs it
    }
  }

  canReplaceAll(host: HTMLElement, correction: ICorrection): boolean {
    const found = this._findCell(host);
    return found !== null && canCorrect(found.cell.model.sharedModel, correction);
  }

  replaceAll(host: HTMLElement, correction: ICorrection): void {
    const found = this._findCell(host);
    if (found) {
      correctCell(found.cell.model.sharedModel, correction);
      edit(found); // the user runs it
    }
  }

  verifyImage(draft: IImageDraft): void {
    void this._commands.execute(CommandIDs.verifyImage, { ...draft });
  }

  enableImage(draft: IImageDraft): void {
    void this._commands.execute(CommandIDs.enableImage, { ...draft });
  }

  exportImage(draft: IImageDraft): void {
    void this._commands.execute(CommandIDs.exportImage, { ...draft });
  }

  copy(text: string): void {
    Clipboard.copyToSystem(text);
  }

  /** Return the cell with this element in its output, null if it is not in a notebook. */
  private _findCell(host: HTMLElement): IFoundCell | null {
    const panel = this._notebooks?.find(({ node }) => node.contains(host));
    const index = panel?.content.widgets.findIndex(({ node }) => node.contains(host)) ?? -1;
    const cell = panel?.content.widgets[index];
    return panel && cell?.model.type === 'code' ? { panel, index, cell: cell as CodeCell } : null;
  }
}

interface IFoundCell {
  readonly panel: NotebookPanel;
  readonly index: number;
  readonly cell: CodeCell;
}

function edit({ panel, index }: IFoundCell): void {
  panel.content.activeCellIndex = index;
  panel.content.mode = 'edit';
}
