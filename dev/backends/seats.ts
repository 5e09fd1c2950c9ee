/** A place among the running sequences of the simulated GPU, or in the queue before them. */
export interface Seat {
  /** True once the sequences run; false while they wait. */
  running: boolean;
  /** Called once when a waiting seat starts to run. */
  onRun: (() => void) | undefined;
  readonly sequences: number;
  left: boolean;
}

/** At most `maxNumSeqs` sequences run at a time; at most `maxQueued` requests wait behind them, first come first served. */
export class Seats {
  maxNumSeqs: number;
  maxQueued: number;
  runningSequences = 0;
  runningRequests = 0;
  /** The most sequences that ran at once, and the most requests that waited, since it was last asked to begin anew. */
  most = { running: 0, waiting: 0 };
  readonly waiting: Seat[] = [];

  constructor(maxNumSeqs: number, maxQueued: number) {
    this.maxNumSeqs = maxNumSeqs;
    this.maxQueued = maxQueued;
  }

  /** A seat that runs or waits, or undefined when the queue is full. More sequences than the GPU holds count as all of it. */
  enter(sequences: number): Seat | undefined {
    const seat: Seat = {
      running: false,
      onRun: undefined,
      sequences: Math.min(sequences, this.maxNumSeqs),
      left: false,
    };
    if (this.waiting.length === 0 && this.runningSequences + seat.sequences <= this.maxNumSeqs) this.run(seat);
    else if (this.waiting.length < this.maxQueued) this.waiting.push(seat);
    else return undefined;
    this.most.waiting = Math.max(this.most.waiting, this.waiting.length);
    return seat;
  }

  /** Gives the seat back, running or waiting; a second call does nothing. */
  leave(seat: Seat): void {
    if (seat.left) return;
    seat.left = true;
    if (seat.running) {
      this.runningSequences -= seat.sequences;
      this.runningRequests -= 1;
    } else {
      const place = this.waiting.indexOf(seat);
      if (place >= 0) this.waiting.splice(place, 1);
    }
    this.advance();
  }

  /** Lets waiting seats run while there is room; also called when the limits were raised. */
  advance(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.runningSequences > 0 && this.runningSequences + next.sequences > this.maxNumSeqs) return;
      this.waiting.shift();
      this.run(next);
      next.onRun?.();
    }
  }

  private run(seat: Seat): void {
    seat.running = true;
    this.runningSequences += seat.sequences;
    this.runningRequests += 1;
    this.most.running = Math.max(this.most.running, this.runningSequences);
  }
}
