// What happens before the body of a request is read: the signature is looked at as far as the headers tell, and
// there has to be room. Bodies that do not come to an end take their sender's share, and nobody else's.
import { Shares, addressGroup, clientAddress } from "@shardcast/process";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { SwitchboardMetrics } from "./metrics.ts";
import { sendProblem } from "./problem.ts";
import type { SignatureCheck } from "./signature.ts";

/** Of the largest bodies, so many are read at once, and so many of one address. */
const BODIES = { inAll: 256, each: 64 } as const;

export interface BodyGateOptions {
  readonly maxBodyBytes: number;
  /** Proxies in front of the switchboard that add to X-Forwarded-For. */
  readonly trustedHops: number;
}

export function addBodyGate(
  http: FastifyInstance,
  { maxBodyBytes, trustedHops }: BodyGateOptions,
  { signatures, metrics }: { signatures: SignatureCheck; metrics: SwitchboardMetrics },
): void {
  const shares = new Shares({
    inAll: BODIES.inAll * maxBodyBytes,
    each: BODIES.each * maxBodyBytes,
  });
  http.addHook("onRequest", (request, reply, done) => {
    if (request.method !== "POST") {
      done();
      return;
    }
    if (refuseUnsigned(request, reply, signatures, metrics)) return;
    const { headers, socket } = request.raw;
    const holder = addressGroup(clientAddress(socket.remoteAddress ?? "", headers, trustedHops));
    const bytes = bodyBytes(headers["content-length"], maxBodyBytes);
    if (shares.take([holder], bytes) !== undefined) {
      metrics.countDown("failed");
      const detail = "too many bodies are being read; send it later";
      void sendProblem(reply, { status: 503, code: "SWITCHBOARD_FULL", detail });
      return;
    }
    reply.raw.once("close", () => shares.give([holder], bytes));
    done();
  });
}

/** @returns whether it was refused */
function refuseUnsigned(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  signatures: SignatureCheck,
  metrics: SwitchboardMetrics,
): boolean {
  const { method = "", url = "", headers } = raw;
  const fault = signatures.headFault({ method, url, headers });
  if (fault === undefined) return false;
  metrics.countDown("unsigned");
  metrics.countSignatureFault(fault.code);
  void sendProblem(reply, { status: 401, ...fault });
  return true;
}

/** What a body may come to. One of unknown length may be the largest. */
function bodyBytes(length: string | undefined, maxBytes: number): number {
  return length === undefined ? maxBytes : Math.min(Number(length), maxBytes);
}
