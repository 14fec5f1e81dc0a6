/** Completes the subcommands and options of the magics, with descriptions, also while the kernel is busy. */
import type { CompletionHandler, ICompletionContext, ICompletionProvider } from '@jupyterlab/completer';

import { imageIcon } from '../icons';
import { CELL_MIME_TYPE } from './cellLanguage';
import { isPython } from './cellMode';
import { completed } from './commandOffers';

/** Above the provider of the kernel, whose items with the same text have no description; JupyterLab drops them. */
const RANK = 600;

export class CommandCompletionProvider implements ICompletionProvider {
  readonly identifier = 'kusto-magic:commands';
  readonly rank = RANK;
  readonly renderer = null;

  isApplicable(context: ICompletionContext): Promise<boolean> {
    const mimeType = context.editor?.model.mimeType ?? '';
    return Promise.resolve(mimeType === CELL_MIME_TYPE || isPython(mimeType));
  }

  fetch({ text, offset }: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const before = text.slice(0, offset);
    const { typed, offers } = completed(before.slice(before.lastIndexOf('\n') + 1));
    const items = Object.entries(offers).map(([label, type]) => ({ label, type, icon: imageIcon }));
    return Promise.resolve({ start: offset - typed.length, end: offset, items });
  }
}
