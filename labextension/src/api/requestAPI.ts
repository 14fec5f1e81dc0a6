/** One request to our routes on the Jupyter server, one answer: JSON, a Problem, or NoServerPart. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

const PREFIX = 'kusto-magic/v1';

/** What the server says is wrong: RFC 9457, with the service's own code. */
export interface IProblemDetails {
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code?: string;
  readonly next?: string;
  readonly problems?: ReadonlyArray<IInputProblem>;
}

/** One thing that is wrong with what was typed; `line` counts from 1 and is null where it is about the whole. */
export interface IInputProblem {
  readonly field: string;
  readonly line: number | null;
  readonly message: string;
}

/** The server refused, or Azure behind it did. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly details: IProblemDetails
  ) {
    super(details.detail || details.title || `HTTP ${status}`);
  }
}

/** This Jupyter server has no kusto_magic: there is nothing to ask. */
export class NoServerPart extends Error {}

export type Requester = (method: string, path: string, body?: unknown, signal?: AbortSignal) => Promise<unknown>;

/** Return the function that sends requests; its answers are JSON of the shape that openapi.json describes. */
export function requester(settings: ServerConnection.ISettings): Requester {
  return async (method, path, body, signal) => {
    const url = URLExt.join(settings.baseUrl, PREFIX) + path;
    const init: RequestInit = { method, body: body === undefined ? undefined : JSON.stringify(body), signal };
    const response = await ServerConnection.makeRequest(url, init, settings);
    const kind = response.headers.get('Content-Type') ?? '';
    if (response.ok) {
      return kind.includes('json') ? ((await response.json()) as unknown) : null;
    }
    if (kind.startsWith('application/problem+json')) {
      throw new Problem(response.status, (await response.json()) as IProblemDetails);
    }
    // Whatever else answers 404 or 405 there is a server without our routes.
    if (response.status === 404 || response.status === 405) {
      throw new NoServerPart();
    }
    throw new Problem(response.status, { title: response.statusText });
  };
}
