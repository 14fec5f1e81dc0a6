/** Requests the texts of cards: the list of builds has no requirements and no plan, and only the start of an error. */
import type { IImagesModel } from '../tokens';
import { type ICard, isNewer, isSameOperation, withTexts } from './cardData';

export class CardTexts {
  constructor(private readonly _model: Pick<IImagesModel, 'findBuild' | 'getBuild'>) {}

  /** Return the card as the list knows it, with its own texts, if that is newer; else the same card. */
  latest(card: ICard): ICard {
    const listed = this._newerListed(card);
    return listed ? withTexts(listed, card) : card;
  }

  /**
   * Return the card with the texts of the server, null if the list has nothing newer or they were requested before:
   * once for each state, in which they do not change. A failure is not an error: the card has the newest state anyway.
   */
  async request(card: ICard): Promise<ICard | null> {
    const listed = this._newerListed(card);
    const key = listed ? `${listed.id} ${listed.state}` : this._requested;
    if (key === this._requested) {
      return null;
    }
    this._requested = key;
    try {
      return (await this._model.getBuild(card.id)).card;
    } catch {
      this._requested = '';
      return null;
    }
  }

  private _newerListed(card: ICard): ICard | null {
    const listed = this._model.findBuild(card.id)?.card;
    return listed && isSameOperation(listed, card) && isNewer(listed, card) ? listed : null;
  }

  private _requested = '';
}

/** Return the shown card with the texts of the server; other changes only if the server's card is not older. */
export function withServerTexts(shown: ICard, server: ICard): ICard {
  return isNewer(shown, server) ? withTexts(shown, server) : server;
}
