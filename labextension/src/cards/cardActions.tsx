/** What a card offers to do. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { isSuccess } from '../model/outcomes';
import type { IImageDraft, IImagesModel } from '../tokens';
import { type ICard, isSameOperation } from './cardData';
import type { ICorrection, IFix } from '../model/plan';

/** What the cards of a page can do; `host` is an element of the card. */
export interface ICardHost {
  /** Show the `%%kusto_image` cell of a card, else insert one with the draft. */
  editCell(host: HTMLElement, draft: IImageDraft): void;
  /** Return whether the cell of a card still has the line that a fix replaces. */
  canReplaceLine(host: HTMLElement, requirements: string, line: number): boolean;
  /** Return whether the cell of a card still has the requirements that were corrected. */
  canReplaceAll(host: HTMLElement, correction: ICorrection): boolean;
  replaceAll(host: HTMLElement, correction: ICorrection): void;
  replaceLine(host: HTMLElement, requirements: string, line: number, text: string): void;
  enableImage(draft: IImageDraft): void;
  verifyImage(draft: IImageDraft): void;
  exportImage(draft: IImageDraft): void;
  copy(text: string): void;
}

export interface ICardActions {
  of(card: ICard, host: HTMLElement): CardActions;
}

/** The actions of all cards of a page. */
export class PageActions implements ICardActions {
  constructor(
    private readonly _host: ICardHost,
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle
  ) {}

  of(card: ICard, host: HTMLElement): CardActions {
    return new CardActions(this._host, this._model, this._trans, card, host);
  }
}

/** The actions of one card. */
export class CardActions {
  constructor(
    private readonly _page: ICardHost,
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle,
    private readonly _card: ICard,
    private readonly _host: HTMLElement
  ) {}

  canApply({ line }: IFix): boolean {
    return this._page.canReplaceLine(this._host, this._card.requirements, line);
  }

  /** Replace the line in the cell. The cell is not run: its user decides. */
  apply({ line, text }: IFix): void {
    this._page.replaceLine(this._host, this._card.requirements, line, text);
  }

  canApplyAll(correction: ICorrection): boolean {
    return this._page.canReplaceAll(this._host, correction);
  }

  /** Replace the requirements in the cell. The cell is not run: its user decides. */
  applyAll(correction: ICorrection): void {
    this._page.replaceAll(this._host, correction);
  }

  copy(text: string): void {
    this._page.copy(text);
  }

  /** The buttons of a finished operation. */
  render(): React.JSX.Element | null {
    const known = this._known();
    const trans = this._trans;
    if (this._card.action === 'enable' && known && isSuccess(this._card)) {
      return (
        <div className="jp-KustoImage-actions">
          <ActionButton label={trans.__('Verify…')} onClick={() => this._page.verifyImage(known)} />
        </div>
      );
    }
    if (!this._card.createsImage) {
      return null;
    }
    return (
      <div className="jp-KustoImage-actions">
        {known && isSuccess(this._card) ? (
          <ActionButton label={trans.__('Enable…')} onClick={() => this._page.enableImage(known)} />
        ) : null}
        <ActionButton
          label={trans.__('Edit')}
          onClick={() => this._page.editCell(this._host, known ?? this._savedDraft())}
        />
        {known && isSuccess(this._card) ? (
          <ActionButton label={trans.__('Export as…')} onClick={() => this._page.exportImage(known)} />
        ) : null}
      </div>
    );
  }

  /** Return the image on a cluster of this server, null if it knows no such cluster, or several with this name. */
  private _known(): IImageDraft | null {
    const { cluster: name, emulator } = this._card;
    const build = this._model.findBuild(this._card.id);
    if (build && isSameOperation(build.card, this._card)) {
      return { ...this._savedDraft(), cluster: build.clusterId };
    }
    const [cluster, other] = this._model.clusters.filter(it => it.name === name && it.emulator === emulator);
    return cluster && !other ? { ...this._savedDraft(), cluster: cluster.id } : null;
  }

  private _savedDraft(): IImageDraft {
    const { image, base, python, requirements } = this._card;
    return { name: image, ...(python ? { python } : { base }), requirements };
  }
}

function ActionButton({ label, onClick }: { label: string; onClick: () => void }): React.JSX.Element {
  return (
    <button type="button" className="jp-KustoImage-button" onClick={onClick}>
      {label}
    </button>
  );
}
