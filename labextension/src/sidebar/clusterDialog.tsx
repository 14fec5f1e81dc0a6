/** The dialog that chooses a cluster: a subscription, then one of its clusters. */
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useId, useRef, useState } from 'react';

import type { IFoundCluster, ISubscription } from '../api/api';
import type { IImagesModel } from '../tokens';
import { errorText } from './formErrors';

/** Number of lines of the list of clusters. */
const LIST_LINES = 8;

/** Let the user choose a cluster. Return its id, "emulator", or null if the dialog was canceled. */
export async function chooseCluster(model: IImagesModel, trans: TranslationBundle): Promise<string | null> {
  const body = new ClusterChooser(model, trans);
  const dialog = new Dialog({
    title: trans.__('Choose cluster'),
    body,
    buttons: [
      Dialog.cancelButton(),
      Dialog.createButton({ label: trans.__('Try the emulator'), actions: ['emulator'], accept: false }),
      Dialog.okButton({ label: trans.__('Add cluster') })
    ],
    defaultButton: 2,
    focusNodeSelector: '.jp-Dialog-footer button' // the lists cannot have the focus before they are loaded
  });
  const enableAdd = (): void => {
    dialog.node.querySelectorAll<HTMLButtonElement>('.jp-Dialog-footer .jp-mod-accept:last-child').forEach(button => {
      button.disabled = body.getValue() === '';
    });
  };
  body.onChange = enableAdd;
  void dialog.ready.then(() => {
    enableAdd();
    body.takeFocus();
  });
  const { button, value } = await dialog.launch();
  if (button.actions.includes('emulator')) {
    return 'emulator';
  }
  return button.accept && value ? value : null;
}

class ClusterChooser extends ReactWidget implements Dialog.IBodyWidget {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-KustoImage-chooser');
  }

  /** Called when another cluster is selected. */
  onChange = (): void => undefined;

  /** Let the list have the focus when it is loaded: from now on the dialog does not move it. */
  takeFocus(): void {
    this._takesFocus = true;
    this.update();
  }

  /** Return the id of the selected cluster, "" if there is none. */
  getValue(): string {
    return this._chosen;
  }

  protected override render(): React.JSX.Element {
    return (
      <Chooser
        model={this._model}
        trans={this._trans}
        takesFocus={this._takesFocus}
        onChoose={id => {
          this._chosen = id;
          this.onChange();
        }}
      />
    );
  }

  private _chosen = '';
  private _takesFocus = false;
}

interface IChooserProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly takesFocus: boolean;
  readonly onChoose: (id: string) => void;
}

function Chooser({ model, trans, takesFocus, onChoose }: IChooserProps): React.JSX.Element {
  const [subscription, setSubscription] = useState('');
  const [cluster, setCluster] = useState('');
  const [attempt, setAttempt] = useState(0);
  const subscriptions = useRequest(() => model.requests.listSubscriptions(), [model, attempt]);
  const chosen = subscription || subscriptions.value?.[0]?.id || '';
  const clusters = useRequest(
    async () => (chosen ? model.requests.findClusters(chosen) : null),
    [model, chosen, attempt]
  );
  const choose = (id: string): void => {
    setCluster(id);
    onChoose(id);
  };
  const ids = { subscription: useId(), cluster: useId() };
  const list = useRef<HTMLSelectElement>(null);
  useEffect(() => {
    // Only if the user is not at the other list.
    if (takesFocus && clusters.value?.length && !document.activeElement?.closest('.jp-KustoImage-chooser')) {
      list.current?.focus();
    }
  }, [clusters.value, takesFocus]);
  return (
    <>
      <p>{trans.__('Clusters that your account can access. Nothing changes in Azure.')}</p>
      <label htmlFor={ids.subscription}>{trans.__('Subscription')}</label>
      <select
        id={ids.subscription}
        value={chosen}
        disabled={!subscriptions.value?.length}
        onChange={event => {
          setSubscription(event.target.value);
          choose('');
        }}
      >
        {(subscriptions.value ?? []).map(it => (
          <option key={it.id} value={it.id}>
            {subscriptionText(it)}
          </option>
        ))}
      </select>
      <label htmlFor={ids.cluster}>{trans.__('Cluster')}</label>
      <select
        ref={list}
        id={ids.cluster}
        size={LIST_LINES}
        value={cluster}
        disabled={!clusters.value?.length}
        onChange={event => choose(event.target.value)}
      >
        {(clusters.value ?? []).map(it => (
          <option key={it.id} value={it.id}>
            {clusterText(it)}
          </option>
        ))}
      </select>
      <Outcome
        subscriptions={subscriptions}
        clusters={clusters}
        trans={trans}
        onRetry={() => setAttempt(attempt + 1)}
      />
    </>
  );
}

interface IOutcomeProps {
  readonly subscriptions: IRequested<ReadonlyArray<ISubscription>>;
  readonly clusters: IRequested<ReadonlyArray<IFoundCluster> | null>;
  readonly trans: TranslationBundle;
  readonly onRetry: () => void;
}

/** What is being requested, what failed, or that there is nothing to choose from. */
function Outcome({ subscriptions, clusters, trans, onRetry }: IOutcomeProps): React.JSX.Element {
  const error = subscriptions.error ?? clusters.error;
  if (error !== null) {
    return (
      <p role="alert" className="jp-KustoImage-chooserStatus jp-KustoImage-tone jp-mod-error">
        {errorText(error, trans)}{' '}
        <button type="button" className="jp-KustoImage-link" onClick={onRetry}>
          {trans.__('Retry')}
        </button>
      </p>
    );
  }
  return (
    <p role="status" className="jp-KustoImage-chooserStatus">
      {outcomeText(subscriptions.value, clusters.value, trans)}
    </p>
  );
}

function outcomeText(
  subscriptions: ReadonlyArray<ISubscription> | null,
  clusters: ReadonlyArray<IFoundCluster> | null,
  trans: TranslationBundle
): string {
  if (!subscriptions) {
    return trans.__('Looking for your subscriptions…');
  }
  if (!subscriptions.length) {
    return trans.__('Your account can access no subscription.');
  }
  if (!clusters) {
    return trans.__('Looking for clusters…');
  }
  return clusters.length
    ? trans._n('%1 cluster', '%1 clusters', clusters.length)
    : trans.__('Your account can access no cluster of this subscription.');
}

function subscriptionText({ name, state }: ISubscription): string {
  return state && state !== 'Enabled' ? `${name} (${state})` : name;
}

function clusterText({ name, location, state, resourceGroup }: IFoundCluster): string {
  return [name, resourceGroup, location, state].filter(part => part).join(' · ');
}

interface IRequested<T> {
  readonly value: T | null;
  readonly error: unknown;
}

/** Return what a request has returned, or its error; it is repeated when `dependencies` change. */
function useRequest<T>(request: () => Promise<T>, dependencies: ReadonlyArray<unknown>): IRequested<T> {
  const [requested, setRequested] = useState<IRequested<T>>({ value: null, error: null });
  useEffect(() => {
    let isLatest = true;
    const update = (next: IRequested<T>): void => {
      if (isLatest) {
        setRequested(next);
      }
    };
    setRequested({ value: null, error: null });
    request().then(
      value => update({ value, error: null }),
      (error: unknown) => update({ value: null, error })
    );
    return () => {
      isLatest = false;
    };
  }, dependencies);
  return requested;
}
