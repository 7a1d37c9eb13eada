// Checks a request before its body is read: the signature as far as the headers allow, and free capacity for the body.
// Bodies that never end use only their sender's share of the capacity.
import { Shares, addressGroup, clientAddress } from "@shardcast/process";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { SwitchboardMetrics } from "./metrics.ts";
import { sendProblem } from "./http-problem.ts";
import type { SignatureCheck } from "./signature.ts";

/** The capacity, in bodies of the maximum size: in total, and per address. */
const BODIES = { inAll: 256, each: 64 } as const;

export interface BodyGateOptions {
  readonly maxBodyBytes: number;
  /** Number of proxies in front of the switchboard that add to X-Forwarded-For. */
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
      const detail = "too many request bodies are being received; send the request later";
      void sendProblem(reply, { status: 503, code: "SWITCHBOARD_FULL", detail });
      return;
    }
    reply.raw.once("close", () => shares.give([holder], bytes));
    done();
  });
}

/** @returns whether the request was refused */
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

/** The maximum size of this body. A body of unknown length may have the largest size. */
function bodyBytes(length: string | undefined, maxBytes: number): number {
  return length === undefined ? maxBytes : Math.min(Number(length), maxBytes);
}
