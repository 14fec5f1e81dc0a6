/** Base class and components shared by the cards of builds and fleets. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import type * as React from 'react';
import { useEffect, useState } from 'react';

import { Changes } from '../components/correction';
import { packageCount, packageSummary, PackageTable } from '../components/packages';
import { PlanSources } from '../components/planSources';
import { Remarks } from '../components/remarks';
import { StateBadge, StateIcon } from '../components/state';
import { hintText } from '../model/hints';
import type { IHasOutcome } from '../model/outcomes';
import type { IImagesModel } from '../tokens';
import { elapsedSeconds, type ICard, isNewer, type IVersion } from './cardData';
import { type IPlan } from '../model/plan';
import type { ICardActions } from './cardActions';
import type { ShownCards } from './shownCards';

/** Preferred to text/html (60) and to a widget (0), which no longer exists when its kernel has ended. */
const RANK = -10;

/** Milliseconds between two updates of the elapsed time. */
const TICK_INTERVAL = 1000;

export function cardFactory(mimeType: string, create: () => IRenderMime.IRenderer): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [mimeType], defaultRank: RANK, createRenderer: create };
}

/** What all cards of a page share. */
export interface ICardContext {
  readonly model: IImagesModel;
  readonly actions: ICardActions;
  readonly shownCards: ShownCards;
  readonly trans: TranslationBundle;
}

interface ICardData extends IVersion {
  readonly id: string;
}

/** Renders a card in the output of a cell or in a tab of its own. */
export abstract class CardRenderer<T extends ICardData> extends ReactWidget implements IRenderMime.IRenderer {
  constructor(protected readonly context: ICardContext) {
    super();
    this.addClass('jp-KustoImage-card');
  }

  protected get model(): IImagesModel {
    return this.context.model;
  }

  protected get trans(): TranslationBundle {
    return this.context.trans;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.context.shownCards.add(this.node, () => this._card?.id);
  }

  protected override onBeforeDetach(message: Message): void {
    this.context.shownCards.remove(this.node);
    super.onBeforeDetach(message);
  }

  /** Read the card of an output, null if this version cannot read it. */
  protected abstract read(data: IRenderMime.IMimeModel['data']): T | null;

  /** Return a newer version of the card that is shown, with what only that one has. */
  protected abstract merge(card: T, shown: T): T;

  /** Return whether the model has an older state than a card that the kernel has sent. */
  protected abstract isBehind(card: T): boolean;

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
    this._card = this._merged(card);
    this._refreshModel();
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

  /** Request the builds if the kernel has told a state that the model does not know yet, so that all views agree. */
  private _refreshModel(): void {
    const card = this._card;
    if (card && this.model.availability === 'available' && this.isBehind(card)) {
      void this.model.refresh();
    }
  }

  private _merged(card: T | null): T | null {
    const shown = this._card;
    if (!card || card.id !== shown?.id) {
      return card;
    }
    return isNewer(shown, card) ? this.merge(shown, card) : this.merge(card, shown);
  }

  private _card: T | null = null;
  private _receivedAt = Date.now();
}

interface ISectionProps {
  readonly card: { readonly image: string; readonly ended: boolean };
  readonly trans: TranslationBundle;
  readonly children: React.ReactNode;
}

/** The frame of a card. */
export function CardSection({ card, trans, children }: ISectionProps): React.JSX.Element {
  return (
    <section
      className="jp-KustoImage-frame"
      aria-label={trans.__('Image %1', card.image)}
      data-state={card.ended ? 'ended' : 'running'}
    >
      {children}
    </section>
  );
}

interface IHeaderProps {
  readonly card: IHasOutcome & { readonly image: string; readonly state: string };
  readonly context: string;
}

/** The name and the state, and a line of context. */
export function Header({ card, context }: IHeaderProps): React.JSX.Element {
  return (
    <header>
      <StateIcon outcome={card.outcome} />
      <strong>
        <bdi>{card.image}</bdi>
      </strong>
      <span role="status">
        <StateBadge state={card.state} outcome={card.outcome} />
      </span>
      <p title={context}>
        <bdi>{context}</bdi>
      </p>
    </header>
  );
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
    <div className="kusto-image-progress" title={text}>
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

interface IPlanRowProps {
  readonly card: Pick<ICard, 'plan' | 'phase' | 'ended'>;
  readonly trans: TranslationBundle;
}

/** The result of the check; a line in its place before there is one, so that the card keeps its height. */
export function PlanRow({ card: { plan, phase, ended }, trans }: IPlanRowProps): React.JSX.Element | null {
  if (plan) {
    return <Plan plan={plan} trans={trans} />;
  }
  return <p className="jp-KustoImage-fold jp-mod-plain">{missingPlanText(phase, ended, trans)}</p>;
}

function missingPlanText(phase: ICard['phase'], ended: boolean, trans: TranslationBundle): string {
  if (!ended && phase === 'submit') {
    return '\u00a0'; // whether there is a check is not known yet
  }
  return !ended && phase === 'check'
    ? trans.__('Checking which packages will be installed…')
    : trans.__('The packages were not checked.');
}

interface IPlanProps {
  readonly plan: IPlan;
  readonly trans: TranslationBundle;
}

function Plan({ plan, trans }: IPlanProps): React.JSX.Element | null {
  const { packages, verdict } = plan;
  if (verdict === 'conflict') {
    return null; // the failure explains it
  }
  const remarks = [...plan.warnings, ...plan.suggestions, hintText(plan.hint, trans)].filter(line => line);
  const warnings = remarks.length ? trans._n('%1 warning', '%1 warnings', remarks.length) : '';
  return (
    <details className="jp-KustoImage-fold">
      <summary>
        <PlanSummary plan={plan} trans={trans} />
        {warnings ? ` · ${warnings}` : ''}
      </summary>
      <AppliedChanges plan={plan} trans={trans} />
      <Remarks lines={remarks} />
      {packages.length ? <PackageTable packages={packages} trans={trans} /> : null}
      {plan.python ? (
        <p className="jp-KustoImage-note">{trans.__('Checked for Python %1 on %2', plan.python, plan.platform)}</p>
      ) : null}
      <PlanSources plan={plan} trans={trans} />
    </details>
  );
}

function PlanSummary({ plan: { packages, reason, correction }, trans }: IPlanProps): React.JSX.Element {
  const count = correction?.changes.length ?? 0;
  const changed = count ? trans._n('%1 line changed', '%1 lines changed', count) : '';
  const parts = packages.length ? packageSummary({ packages, trans }) : [reason];
  return (
    <>
      <b>{packages.length ? packageCount({ packages, trans }) : trans.__('The check is inconclusive')}</b>
      {[...parts, changed]
        .filter(part => part)
        .map(part => ` · ${part}`)
        .join('')}
    </>
  );
}

/** The lines that `--fix` has changed. */
function AppliedChanges({ plan: { correction }, trans }: IPlanProps): React.JSX.Element | null {
  return correction ? (
    <>
      <p className="jp-KustoImage-note">{trans.__('Lines that were changed because of --fix:')}</p>
      <Changes changes={correction.changes} trans={trans} />
    </>
  ) : null;
}

interface IRequirementsProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

/** The folded requirements text; nothing if it is empty. */
export function RequirementsRow({ text, trans }: IRequirementsProps): React.JSX.Element | null {
  return text ? (
    <details className="jp-KustoImage-fold">
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
