/** The card of a build: drawn from what the notebook holds, kept true by the kernel and by the server. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { duration, glyph, type ICard, type IPlan, isNewer, MIME, readCard, share } from './cardData';
import { Bar, factoryFor, RecordRenderer, Requirements, Row, stateClass, Table, useElapsed } from './cardParts';
import type { IImagesModel } from '../tokens';

/** Return the factory of renderers for the record of a build. */
export function cardFactory(model: IImagesModel, trans: TranslationBundle): IRenderMime.IRendererFactory {
  return factoryFor(MIME, () => new CardRenderer(model, trans));
}

export class CardRenderer extends RecordRenderer<ICard> {
  protected override read(data: IRenderMime.IMimeModel['data']): ICard | null {
    return readCard(data[MIME]);
  }

  protected override newest(card: ICard): ICard {
    const heard = this.model.find(card.id)?.card;
    return heard && isNewer(heard, card) ? heard : card;
  }

  protected override draw(card: ICard, arrived: number): React.JSX.Element {
    return <Card card={card} arrived={arrived} trans={this.trans} />;
  }
}

interface ICardProps {
  readonly card: ICard;
  readonly arrived: number;
  readonly trans: TranslationBundle;
}

function Card({ card, arrived, trans }: ICardProps): React.JSX.Element {
  const seconds = useElapsed(card, arrived);
  const where = card.emulator ? trans.__('emulator cluster %1', card.cluster) : trans.__('cluster %1', card.cluster);
  return (
    <section aria-label={trans.__('Image %1', card.image)} data-state={card.ended ? 'ended' : 'running'}>
      <p role="status">
        <strong className={stateClass(card)}>
          {glyph(card.state)} {card.state}
        </strong>
        : <code>{card.image}</code> · {where}
      </p>
      {card.ended ? null : <Estimate card={card} seconds={seconds} trans={trans} />}
      <dl>
        <Row name={trans.__('Base')} value={card.base} />
        <Row name={card.ended ? trans.__('Took') : trans.__('So far')} value={times(card, seconds, trans)} />
        <Row name={trans.__('Note')} value={card.note} />
        <Row name={trans.__('Error')} value={card.error.join('\n')} />
        <Row name={trans.__('Next')} value={card.next} />
        {card.plan ? (
          <Row name={trans.__('Check')} value={[verdict(card.plan), ...card.plan.remarks].join('\n')} />
        ) : null}
      </dl>
      {card.plan?.packages.length ? <Packages plan={card.plan} trans={trans} /> : null}
      <Requirements text={card.requirements} trans={trans} />
    </section>
  );
}

function Estimate({ card, seconds, trans }: Omit<ICardProps, 'arrived'> & { seconds: number }): React.JSX.Element {
  return (
    <Bar
      label={trans.__('Estimated progress of image %1', card.image)}
      value={Math.round(1000 * share(card, seconds)) / 10}
      max={100}
      words={card.usual || trans.__('how long builds take here is not known yet')}
    />
  );
}

function Packages({ plan, trans }: { plan: IPlan; trans: TranslationBundle }): React.JSX.Element {
  const count = plan.packages.length;
  return (
    <details>
      <summary>{trans._n('%1 package in the plan', '%1 packages in the plan', count)}</summary>
      <Table head={[trans.__('package'), trans.__('version'), trans.__('against the base')]}>
        {plan.packages.map(it => (
          <tr key={it.name}>
            <td>{it.name}</td>
            <td>{it.version}</td>
            <td>{it.status}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

function verdict(plan: IPlan): string {
  return plan.reason ? `${plan.verdict}: ${plan.reason}` : plan.verdict;
}

function times(card: ICard, seconds: number, trans: TranslationBundle): string {
  if (card.ended) {
    return trans.__('%1, ended %2', duration(seconds), new Date(card.asOf).toLocaleString());
  }
  const span = duration(Math.floor(seconds));
  const heard = card.heardAt ? new Date(card.heardAt).toLocaleTimeString() : '';
  return heard ? trans.__('%1, last heard of at %2', span, heard) : span;
}
