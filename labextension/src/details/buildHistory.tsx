/** The operations on an image as a table; each opens its card. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { IBuild } from '../api/api';
import { formatDuration } from '../cards/cardData';
import { StateBadge } from '../components/state';
import { formatDateTime } from '../components/time';
import { actionName } from '../model/actions';

interface IBuildHistoryProps {
  readonly builds: ReadonlyArray<IBuild>;
  readonly trans: TranslationBundle;
  readonly showBuild: (id: string) => void;
}

export function BuildHistory({ builds, trans, showBuild }: IBuildHistoryProps): React.JSX.Element {
  return (
    <section aria-label={trans.__('History')}>
      <h2>{trans.__('History')}</h2>
      {builds.length ? (
        <table className="jp-KustoImage-history">
          <thead>
            <tr>
              <th scope="col">{trans.__('Started')}</th>
              <th scope="col">{trans.__('Action')}</th>
              <th scope="col">{trans.__('Result')}</th>
              <th scope="col">{trans.__('Duration')}</th>
            </tr>
          </thead>
          <tbody>
            {builds.map(build => (
              <HistoryRow key={build.card.id} build={build} trans={trans} showBuild={showBuild} />
            ))}
          </tbody>
        </table>
      ) : (
        <p>{trans.__('No operations were started on this machine.')}</p>
      )}
    </section>
  );
}

interface IHistoryRowProps extends Pick<IBuildHistoryProps, 'trans' | 'showBuild'> {
  readonly build: IBuild;
}

function HistoryRow({ build, trans, showBuild }: IHistoryRowProps): React.JSX.Element {
  const { id, action, state, outcome, startedAt, seconds, ended } = build.card;
  return (
    <tr onClick={() => showBuild(id)}>
      <td>
        <button type="button" className="jp-KustoImage-link" title={trans.__('Show details')}>
          {formatDateTime(startedAt)}
        </button>
      </td>
      <td>{actionName(action, trans)}</td>
      <td>
        <StateBadge state={state} outcome={outcome} />
      </td>
      <td>{ended ? formatDuration(seconds) : ''}</td>
    </tr>
  );
}
