/** Completes base images and package names in `%%kusto_image` cells. The kernel completes the options. */
import type { CompletionHandler, ICompletionContext, ICompletionProvider } from '@jupyterlab/completer';

import type { IImagesModel } from '../tokens';
import { CELL_MIME_TYPE } from './cellLanguage';

const BASE_OPTION = /(?:^|\s)--base(?: +|=)(\S*)$/;
const PACKAGE_NAME = /^\s*([A-Za-z0-9][\w.-]*)$/;

/** Below JupyterLab's own providers, which have ranks of about 500. */
const RANK = 400;

export class ImageCompletionProvider implements ICompletionProvider {
  constructor(private readonly _model: IImagesModel) {}

  readonly identifier = 'kusto-magic:completion';
  readonly rank = RANK;
  readonly renderer = null;

  isApplicable(context: ICompletionContext): Promise<boolean> {
    return Promise.resolve(
      context.editor?.model.mimeType === CELL_MIME_TYPE && this._model.availability === 'available'
    );
  }

  async fetch({ text, offset }: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
    const isMagicLine = !text.slice(0, offset).includes('\n');
    const typed = (isMagicLine ? BASE_OPTION : PACKAGE_NAME).exec(line)?.[1];
    if (typed === undefined) {
      return { start: offset, end: offset, items: [] };
    }
    const names = isMagicLine ? await this._baseNames() : await this._model.packages();
    const prefix = typed.toLowerCase();
    const type = isMagicLine ? 'class' : 'module';
    const items = names.filter(name => name.toLowerCase().startsWith(prefix)).map(label => ({ label, type }));
    return { start: offset - typed.length, end: offset, items };
  }

  private async _baseNames(): Promise<ReadonlyArray<string>> {
    const managed = await this._model.baseImages();
    const custom = this._model.clusters.flatMap(({ id }) => this._model.images(id).images);
    return [...new Set([...managed, ...custom].map(({ name }) => name))];
  }
}
