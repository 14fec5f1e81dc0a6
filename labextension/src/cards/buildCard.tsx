/** The card of an operation in an output or a tab. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import type * as React from 'react';

import { stepsOf } from '../model/actions';
import type { CardActions } from './cardActions';
import {
  BUILD_MIME_TYPE,
  formatDuration,
  type ICard,
  isNewer,
  isOverdue,
  progressFraction,
  readCard,
  withTexts
} from './cardData';
import {
  cardFactory,
  CardRenderer,
  CardSection,
  Header,
  type ICardContext,
  PlanRow,
  ProgressBar,
  RequirementsRow,
  useElapsed
} from './cardParts';
import { CardTexts, withServerTexts } from './cardTexts';
import { contextLine } from './contextLine';
import { Failure } from './failure';
import { Steps } from './steps';

export function buildCardFactory(context: ICardContext): IRenderMime.IRendererFactory {
  return cardFactory(BUILD_MIME_TYPE, () => new BuildCardRenderer(context));
}

/** Return a widget with a card, for a tab. */
export function createBuildCard(context: ICardContext, card: ICard): Widget {
  const widget = new BuildCardRenderer(context);
  widget.addClass('jp-mod-alone');
  widget.setCard(card);
  return widget;
}

class BuildCardRenderer extends CardRenderer<ICard> {
  constructor(context: ICardContext) {
    super(context);
    this._texts = new CardTexts(context.model);
    // With `this` as context, disposing the widget disconnects it.
    context.model.changed.connect((_, { name }) => name === 'builds' && void this._requestTexts(), this);
  }

  override setCard(card: ICard | null): void {
    super.setCard(card);
    void this._requestTexts();
  }

  protected override read(data: IRenderMime.IMimeModel['data']): ICard | null {
    return readCard(data[BUILD_MIME_TYPE]);
  }

  protected override merge(card: ICard, shown: ICard): ICard {
    return withTexts(card, shown);
  }

  protected override isBehind(card: ICard): boolean {
    const known = this.model.findBuild(card.id)?.card;
    return known ? isNewer(card, known) && card.state !== known.state : !card.ended;
  }

  protected override latest(card: ICard): ICard {
    return this._texts.latest(card);
  }

  protected override renderCard(card: ICard, receivedAt: number): React.JSX.Element {
    const actions = this.context.actions.of(card, this.node);
    return <BuildCard card={card} receivedAt={receivedAt} actions={actions} trans={this.trans} />;
  }

  private async _requestTexts(): Promise<void> {
    const { card } = this;
    const server = card && (await this._texts.request(card));
    const shown = this.card; // the kernel may have sent another one meanwhile
    if (server && shown?.id === server.id && !this.isDisposed) {
      super.setCard(withServerTexts(shown, server));
    }
  }

  private readonly _texts: CardTexts;
}

interface IBuildCardProps {
  readonly card: ICard;
  readonly receivedAt: number;
  readonly actions: CardActions;
  readonly trans: TranslationBundle;
}

function BuildCard({ card, receivedAt, actions, trans }: IBuildCardProps): React.JSX.Element {
  const seconds = useElapsed(card, receivedAt);
  return (
    <CardSection card={card} trans={trans}>
      <Header card={card} context={contextLine(card, trans)} />
      <Steps card={card} steps={stepsOf(card, trans)} trans={trans} />
      <Failure card={card} actions={actions} trans={trans} />
      <div className="jp-KustoImage-slot">
        {card.ended ? actions.render() : <Progress card={card} seconds={seconds} trans={trans} />}
      </div>
      {card.createsImage ? <PlanRow card={card} trans={trans} /> : null}
      <RequirementsRow text={card.requirements} trans={trans} />
    </CardSection>
  );
}

interface IProgressProps {
  readonly card: ICard;
  readonly seconds: number;
  readonly trans: TranslationBundle;
}

/** The elapsed time and the estimate: the service reports no progress. */
function Progress({ card, seconds, trans }: IProgressProps): React.JSX.Element {
  const elapsed = formatDuration(Math.floor(seconds));
  const overdue = isOverdue(card, seconds) ? trans.__('longer than usual') : '';
  // Only builds are learned from; a note says how long other actions can take.
  const estimate = card.estimate || (card.createsImage ? trans.__('no estimate yet') : '');
  return (
    <ProgressBar
      label={trans.__('Estimated progress of image %1', card.image)}
      // one decimal: screen readers announce the value
      value={Math.round(1000 * progressFraction(card, seconds)) / 10}
      max={100}
      text={[card.startKnown ? elapsed : '', overdue, estimate].filter(part => part).join(' · ')}
    />
  );
}
