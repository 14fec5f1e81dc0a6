/** The card of a build: drawn from what the notebook holds, kept true by the kernel and by the server. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useState } from 'react';

import { duration, elapsed, glyph, type ICard, type IPlan, isNewer, isWell, MIME, readCard, share } from './card';
import type { IImagesModel } from './tokens';

/** Before text/html (60), and before a widget (0): a widget is no longer there when its kernel is gone. */
const RANK = -10;

const TICK = 1000;

/** Return the factory of renderers for our MIME type. */
export function rendererFactory(model: IImagesModel, trans: TranslationBundle): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: [MIME],
    defaultRank: RANK,
    createRenderer: () => new CardRenderer(model, trans)
  };
}

/** One card in a notebook's output, or alone in the main area. */
export class CardRenderer extends ReactWidget implements IRenderMime.IRenderer {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-KustoImage-card');
  }

  renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    this.present(readCard(mime.data[MIME]));
    return this.renderPromise ?? Promise.resolve();
  }

  present(card: ICard | null): void {
    if (card && !card.ended && card.id !== this._card?.id && this._model.availability === 'here') {
      void this._model.refresh(); // a build that the server may not have heard of yet
    }
    this._card = card;
    this._arrived = Date.now();
    this.update();
  }

  protected override render(): React.JSX.Element {
    const card = this._card;
    if (card === null) {
      return <p>{this._trans.__('This record was written by a newer kusto_magic.')}</p>;
    }
    return (
      <UseSignal signal={this._model.changed}>
        {() => <Card card={this._newest(card)} arrived={this._arrived} trans={this._trans} />}
      </UseSignal>
    );
  }

  /** Return what is known best: what the server follows goes on when the kernel does not. */
  private _newest(card: ICard): ICard {
    const heard = this._model.find(card.id)?.card;
    if (heard && isNewer(heard, card)) {
      this._card = heard;
      this._arrived = Date.now();
      return heard;
    }
    return card;
  }

  private _card: ICard | null = null;
  private _arrived = Date.now();
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
      {card.ended ? null : <Bar card={card} seconds={seconds} trans={trans} />}
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
      {card.requirements ? (
        <details>
          <summary>{trans.__('requirements')}</summary>
          <pre>{card.requirements}</pre>
        </details>
      ) : null}
    </section>
  );
}

/** The class names are those of the kernel's own bar (kusto_magic/progress.py), in whose place this one stands. */
function Bar({ card, seconds, trans }: Omit<ICardProps, 'arrived'> & { seconds: number }): React.JSX.Element {
  const percent = Math.round(1000 * share(card, seconds)) / 10;
  const words = card.usual || trans.__('how long builds take here is not known yet');
  return (
    <div className="kusto-image-progress">
      <div className="jp-KustoImage-track">
        <div
          className="progress-bar"
          role="progressbar"
          aria-label={trans.__('Estimated progress of image %1', card.image)}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={percent}
          aria-valuetext={words}
          style={{ width: `${percent}%` }}
        />
      </div>
      <span>{words}</span>
    </div>
  );
}

function Packages({ plan, trans }: { plan: IPlan; trans: TranslationBundle }): React.JSX.Element {
  const count = plan.packages.length;
  return (
    <details>
      <summary>{trans._n('%1 package in the plan', '%1 packages in the plan', count)}</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('package')}</th>
            <th scope="col">{trans.__('version')}</th>
            <th scope="col">{trans.__('against the base')}</th>
          </tr>
        </thead>
        <tbody>
          {plan.packages.map(it => (
            <tr key={it.name}>
              <td>{it.name}</td>
              <td>{it.version}</td>
              <td>{it.status}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function verdict(plan: IPlan): string {
  return plan.reason ? `${plan.verdict}: ${plan.reason}` : plan.verdict;
}

function Row({ name, value }: { name: string; value: string }): React.JSX.Element | null {
  return value ? (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  ) : null;
}

/** Count the seconds on while a build goes on; each second only while somebody can see it. */
function useElapsed(card: ICard, arrived: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (card.ended) {
      return undefined;
    }
    const timer = window.setInterval(() => document.hidden || setNow(Date.now()), TICK);
    return () => window.clearInterval(timer);
  }, [card.ended]);
  return elapsed(card, arrived, now);
}

function times(card: ICard, seconds: number, trans: TranslationBundle): string {
  if (card.ended) {
    return trans.__('%1, ended %2', duration(seconds), new Date(card.asOf).toLocaleString());
  }
  const span = duration(Math.floor(seconds));
  const heard = card.heardAt ? new Date(card.heardAt).toLocaleTimeString() : '';
  return heard ? trans.__('%1, last heard of at %2', span, heard) : span;
}

function stateClass(card: ICard): string {
  const kind = !card.ended ? 'running' : isWell(card.state) ? 'well' : 'ill';
  return `jp-KustoImage-state jp-mod-${kind}`;
}
