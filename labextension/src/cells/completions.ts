/** Completes base images and package names in `%%kusto_image` cells; options are the kernel's to complete. */
import type { CompletionHandler, ICompletionContext, ICompletionProvider } from '@jupyterlab/completer';

import { CELL_MIME } from './cellLanguage';
import type { IImagesModel } from '../tokens';

const BASE = /--base[ =]+(\S*)$/;
const NAME = /^\s*([A-Za-z0-9][\w.-]*)$/;

/** Above the words that JupyterLab takes from the text, below what the kernel says. */
const RANK = 400;

export class ImageCompletions implements ICompletionProvider {
  constructor(private readonly _model: IImagesModel) {}

  readonly identifier = 'kusto-magic:completion';
  readonly rank = RANK;
  readonly renderer = null;

  isApplicable(context: ICompletionContext): Promise<boolean> {
    return Promise.resolve(context.editor?.model.mimeType === CELL_MIME && this._model.availability === 'here');
  }

  async fetch({ text, offset }: CompletionHandler.IRequest): Promise<CompletionHandler.ICompletionItemsReply> {
    const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
    const isMagic = !text.slice(0, offset).includes('\n');
    const begun = (isMagic ? BASE : NAME).exec(line)?.[1];
    const known = begun === undefined ? [] : isMagic ? await this._bases() : await this._packages();
    const wanted = begun?.toLowerCase() ?? '';
    const items = known.filter(label => label.toLowerCase().startsWith(wanted));
    const type = isMagic ? 'class' : 'module';
    return { start: offset - wanted.length, end: offset, items: items.map(label => ({ label, type })) };
  }

  private async _bases(): Promise<ReadonlyArray<string>> {
    const { api, clusters } = this._model;
    this._managed ??= api.bases().then(bases => bases.map(base => base.name));
    const custom = clusters.flatMap(cluster => this._model.shelf(cluster.id).images.map(image => image.name));
    return [...new Set([...(await this._managed), ...custom])];
  }

  private _packages(): Promise<ReadonlyArray<string>> {
    return (this._names ??= this._model.api.packages());
  }

  private _managed: Promise<ReadonlyArray<string>> | null = null;
  private _names: Promise<ReadonlyArray<string>> | null = null;
}
