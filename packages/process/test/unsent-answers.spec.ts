import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect } from "chai";
import { UnsentAnswers } from "../src/unsent-answers.ts";

/** Size of an answer in addition to its body, in bytes. */
const EXTRA = 2048;
const KIB = 1024;

class FakeSocket extends EventEmitter {
  destroyed = false;
  bytesWritten = 0;
  writableLength = 0;

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

describe("UnsentAnswers", () => {
  let answers: UnsentAnswers;

  beforeEach(() => {
    answers = new UnsentAnswers({ inAll: 100 * KIB, each: 40 * KIB, stallMs: 60_000 });
  });
  afterEach(() => answers.close());

  /** An answer on a connection. The event close ends it. */
  function answer(socket: FakeSocket, body: unknown, ...holders: string[]): EventEmitter {
    const response = new EventEmitter();
    answers.hold(
      { raw: { socket } as unknown as IncomingMessage },
      { raw: response as unknown as ServerResponse },
      body,
      holders,
    );
    return response;
  }

  it("counts texts, bytes and streams until they have left", () => {
    const socket = new FakeSocket();
    const sent = [
      answer(socket, "é".repeat(100), "@a"),
      answer(socket, new Uint8Array(50), "@a"),
      answer(socket, undefined, "@a"),
    ];
    expect(answers.bytes).to.equal(3 * EXTRA + 250);
    const stream = answer(new FakeSocket(), { pipe: () => undefined });
    expect(answers.bytes).to.be.greaterThan(3 * EXTRA + 250 + KIB);
    for (const response of [...sent, stream]) response.emit("close");
    expect([answers.bytes, socket.listenerCount("close")]).to.deep.equal([0, 0]);
  });

  it("lets go of all that waits for a connection that ends", () => {
    const socket = new FakeSocket();
    for (let count = 0; count < 10; count += 1) answer(socket, "x", "@a");
    expect(socket.listenerCount("close")).to.equal(1);
    socket.destroy();
    expect(answers.bytes).to.equal(0);
    answer(socket, "x", "@a");
    expect(answers.bytes).to.equal(0);
  });

  it("ends a holder's oldest connection where its share is spent, and nobody else's", () => {
    const [other, first, second, third] = Array.from({ length: 4 }, () => new FakeSocket());
    if (!other || !first || !second || !third) throw new Error("there are four");
    answer(other, "x".repeat(30 * KIB), "@b");
    answer(first, "x".repeat(15 * KIB), "@a", "=ann");
    answer(second, "x".repeat(15 * KIB), "@a", "=ben");
    answer(third, "x".repeat(15 * KIB), "@a", "=ann");
    expect([other, first, second, third].map(({ destroyed }) => destroyed)).to.deep.equal([
      ...[false, true, false, false],
    ]);
  });

  it("ends the oldest connection of all where there is no more room", () => {
    const sockets = Array.from({ length: 6 }, () => new FakeSocket());
    for (const [index, socket] of sockets.entries())
      answer(socket, "x".repeat(30 * KIB), `@${index}`);
    expect(sockets.map(({ destroyed }) => destroyed)).to.deep.equal([
      ...[true, true, true, false, false, false],
    ]);
    expect(answers.bytes).to.equal(3 * (30 * KIB + EXTRA));
  });

  it("takes one answer that is larger than a share", () => {
    const socket = new FakeSocket();
    answer(socket, new Uint8Array(1000 * KIB), "@a");
    expect([socket.destroyed, answers.bytes]).to.deep.equal([false, 40 * KIB]);
    const next = new FakeSocket();
    answer(next, "x", "@a");
    expect([socket.destroyed, next.destroyed, answers.bytes]).to.deep.equal([
      true,
      false,
      EXTRA + 1,
    ]);
  });
});
