/** The card of a build in an output or a tab. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { glyphOf } from '../model/outcomes';
import { hintText } from '../model/hints';
import type { IImagesModel } from '../tokens';
import { BUILD_MIME_TYPE, formatDuration, type ICard, type IPlan, progressFraction, readCard } from './cardData';
import {
  cardFactory,
  CardRenderer,
  formatEnd,
  ProgressBar,
  Requirements,
  Row,
  stateClass,
  Table,
  useElapsed
} from './cardParts';
import { CardTexts, withServerTexts } from './cardTexts';

export function buildCardFactory(model: IImagesModel, trans: TranslationBundle): IRenderMime.IRendererFactory {
  return cardFactory(BUILD_MIME_TYPE, () => new BuildCardRenderer(model, trans));
}

export class BuildCardRenderer extends CardRenderer<ICard> {
  constructor(model: IImagesModel, trans: TranslationBundle) {
    super(model, trans);
    this._texts = new CardTexts(model);
    // With `this` as context, disposing the widget disconnects it.
    model.changed.connect((_, { name }) => name === 'builds' && void this._requestTexts(), this);
  }

  override setCard(card: ICard | null): void {
    super.setCard(card);
    void this._requestTexts();
  }

  protected override read(data: IRenderMime.IMimeModel['data']): ICard | null {
    return readCard(data[BUILD_MIME_TYPE]);
  }

  protected override latest(card: ICard): ICard {
    return this._texts.latest(card);
  }

  protected override renderCard(card: ICard, receivedAt: number): React.JSX.Element {
    return <BuildCard card={card} receivedAt={receivedAt} trans={this.trans} />;
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
  readonly trans: TranslationBundle;
}

function BuildCard({ card, receivedAt, trans }: IBuildCardProps): React.JSX.Element {
  const seconds = useElapsed(card, receivedAt);
  const cluster = card.emulator ? trans.__('emulator cluster %1', card.cluster) : trans.__('cluster %1', card.cluster);
  return (
    <section aria-label={trans.__('Image %1', card.image)} data-state={card.ended ? 'ended' : 'running'}>
      <p role="status">
        <strong className={stateClass(card)}>
          {glyphOf(card)} {card.state}
        </strong>
        :{' '}
        <code>
          <bdi>{card.image}</bdi>
        </code>{' '}
        · <bdi>{cluster}</bdi>
      </p>
      {card.ended ? null : <Estimate card={card} seconds={seconds} trans={trans} />}
      <dl>
        <Row label={trans.__('Base image')} value={card.base} />
        <Row
          label={card.ended ? trans.__('Duration') : trans.__('Elapsed')}
          value={formatTimes(card, seconds, trans)}
        />
        <Row label={trans.__('Note')} value={card.note} />
        <Row label={trans.__('Error')} value={card.error.join('\n')} />
        <Row label={trans.__('Next step')} value={hintText(card.hint, trans)} />
        {card.plan ? <Row label={trans.__('Check')} value={planLines(card.plan, trans).join('\n')} /> : null}
      </dl>
      {card.plan?.packages.length ? <Packages plan={card.plan} trans={trans} /> : null}
      <Requirements text={card.requirements} trans={trans} />
    </section>
  );
}

interface IEstimateProps extends Omit<IBuildCardProps, 'receivedAt'> {
  readonly seconds: number;
}

function Estimate({ card, seconds, trans }: IEstimateProps): React.JSX.Element {
  return (
    <ProgressBar
      label={trans.__('Estimated progress of image %1', card.image)}
      // one decimal: screen readers announce the value
      value={Math.round(1000 * progressFraction(card, seconds)) / 10}
      max={100}
      text={card.estimate || trans.__('no estimate yet')}
    />
  );
}

function Packages({ plan, trans }: { plan: IPlan; trans: TranslationBundle }): React.JSX.Element {
  return (
    <details>
      <summary>{trans.__('Packages (%1)', plan.packages.length)}</summary>
      <Table head={[trans.__('Package'), trans.__('Version'), trans.__('Compared with base image')]}>
        {plan.packages.map(({ name, version, status }) => (
          <tr key={name}>
            <td>
              <bdi>{name}</bdi>
            </td>
            <td>
              <bdi>{version}</bdi>
            </td>
            <td>{status}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

function planLines(plan: IPlan, trans: TranslationBundle): string[] {
  return [formatVerdict(plan), ...plan.remarks, hintText(plan.hint, trans)].filter(line => line);
}

function formatVerdict({ verdict, reason }: IPlan): string {
  return reason ? `${verdict}: ${reason}` : verdict;
}

function formatTimes(card: ICard, seconds: number, trans: TranslationBundle): string {
  if (card.ended) {
    return formatEnd(formatDuration(seconds), card.asOf, trans);
  }
  const elapsed = formatDuration(Math.floor(seconds));
  const lastUpdate = card.lastUpdate ? new Date(card.lastUpdate).toLocaleTimeString() : '';
  return lastUpdate ? trans.__('%1 · last update %2', elapsed, lastUpdate) : elapsed;
}
