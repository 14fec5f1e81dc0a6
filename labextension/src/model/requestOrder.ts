/** The order of requests for one value. Responses can arrive in another order than the requests were sent. */
export class RequestOrder {
  /** Count a request that is about to be sent. Returns whether its response, on arrival, is newer than the latest one. */
  next(): () => boolean {
    const number = ++this._sent;
    return () => {
      const isNewer = number > this._received;
      this._received = Math.max(number, this._received);
      return isNewer;
    };
  }

  private _sent = 0;
  private _received = 0;
}
