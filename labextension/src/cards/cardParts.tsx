/** Base class and components shared by the cards of builds and fleets. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useState } from 'react';

import { isSuccess } from '../model/outcomes';
import type { IImagesModel } from '../tokens';
import { elapsedSeconds, type ICard } from './cardData';

/** Preferred to text/html (60) and to a widget (0), which no longer exists when its kernel has ended. */
const RANK = -10;

/** Milliseconds between two updates of the elapsed time. */
const TICK_INTERVAL = 1000;

export function cardFactory(mimeType: string, create: () => IRenderMime.IRenderer): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [mimeType], defaultRank: RANK, createRenderer: create };
}

interface ICardData {
  readonly id: string;
  readonly ended: boolean;
}

/** Renders a card in the output of a cell or in a tab of its own. */
export abstract class CardRenderer<T extends ICardData> extends ReactWidget implements IRenderMime.IRenderer {
  constructor(
    protected readonly model: IImagesModel,
    protected readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-KustoImage-card');
  }

  /** Read the card of an output, null if this version cannot read it. */
  protected abstract read(data: IRenderMime.IMimeModel['data']): T | null;

  /** Return the server's version of the card if it is newer: the server continues polling when the kernel ends. */
  protected abstract latest(card: T): T;

  /** Render a card that was received at `receivedAt`, in milliseconds. */
  protected abstract renderCard(card: T, receivedAt: number): React.JSX.Element;

  /** The card that is shown, null if there is none that this version can read. */
  protected get card(): T | null {
    return this._card;
  }

  renderModel(mimeModel: IRenderMime.IMimeModel): Promise<void> {
    this.setCard(this.read(mimeModel.data));
    return this.renderPromise ?? Promise.resolve();
  }

  setCard(card: T | null): void {
    if (card && !card.ended && card.id !== this._card?.id && this.model.availability === 'available') {
      void this.model.refresh(); // the kernel has just started the build, so the model may not know it
    }
    this._card = card;
    this._receivedAt = Date.now();
    this.update();
  }

  protected override render(): React.JSX.Element {
    if (this._card === null) {
      return <p>{this.trans.__('This card was written by another version of kusto_magic.')}</p>;
    }
    return (
      <UseSignal signal={this.model.changed} shouldUpdate={(_, { name }) => name === 'builds'}>
        {() => this._renderLatest()}
      </UseSignal>
    );
  }

  private _renderLatest(): React.JSX.Element | null {
    const latest = this._card && this.latest(this._card);
    if (latest !== this._card) {
      this._card = latest;
      this._receivedAt = Date.now();
    }
    return latest && this.renderCard(latest, this._receivedAt);
  }

  private _card: T | null = null;
  private _receivedAt = Date.now();
}

/** A labeled value; nothing if the value is empty. */
export function Row({ label, value }: { label: string; value: string }): React.JSX.Element | null {
  return value ? (
    <div>
      <dt>{label}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  ) : null;
}

export interface IProgressBarProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly text: string;
}

/** A progress bar with the class names of the kernel's own one (`kusto_magic/display/progress_bar.py`), which it replaces. */
export function ProgressBar({ label, value, max, text }: IProgressBarProps): React.JSX.Element {
  return (
    <div className="kusto-image-progress">
      <div
        className="jp-KustoImage-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max}
        aria-valuenow={value}
        aria-valuetext={text}
      >
        <div className="progress-bar" style={{ width: `${(100 * value) / max}%` }} />
      </div>
      <span>{text}</span>
    </div>
  );
}

export function Table({ head, children }: { head: readonly string[]; children: React.ReactNode }): React.JSX.Element {
  return (
    <table>
      <thead>
        <tr>
          {head.map(name => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

interface IRequirementsProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

/** The folded requirements text; nothing if it is empty. */
export function Requirements({ text, trans }: IRequirementsProps): React.JSX.Element | null {
  return text ? (
    <details>
      <summary>{trans.__('Requirements')}</summary>
      <pre>
        <bdi>{text}</bdi>
      </pre>
    </details>
  ) : null;
}

/** Return the elapsed seconds of a card, updated every second while the page is visible. */
export function useElapsed(card: Pick<ICard, 'ended' | 'seconds'>, receivedAt: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (card.ended) {
      return undefined;
    }
    const timer = window.setInterval(() => document.hidden || setNow(Date.now()), TICK_INTERVAL);
    return () => window.clearInterval(timer);
  }, [card.ended]);
  return elapsedSeconds(card, receivedAt, now);
}

/** Return the class names that color a state. */
export function stateClass({ ended, outcome }: Pick<ICard, 'ended' | 'outcome'>): string {
  const modifier = !ended ? 'running' : isSuccess({ outcome }) ? 'well' : 'ill';
  return `jp-KustoImage-state jp-mod-${modifier}`;
}

/** Return the duration of a card that is done, with its end in the reader's time zone. */
export function formatEnd(duration: string, asOf: string, trans: TranslationBundle): string {
  return trans.__('%1, ended %2', duration, new Date(asOf).toLocaleString());
}
