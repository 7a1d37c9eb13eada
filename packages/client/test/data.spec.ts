import { expect } from "chai";
import fc from "fast-check";
import { CONTENT_TYPE } from "@shardcast/protocol";
import { decodeData, encodeData } from "../src/data.ts";

function read(payload: Uint8Array, type?: string): unknown {
  const decoded = decodeData(payload, type === undefined ? {} : { [CONTENT_TYPE]: type });
  expect(decoded.problem).to.equal(undefined);
  return decoded.data;
}

function roundTrip(data: string | object | number | boolean | null): unknown {
  const { payload, contentType } = encodeData(data);
  return read(payload, contentType);
}

describe("data", () => {
  it("gives back any text, any bytes and any JSON value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(roundTrip(text)).to.equal(text);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(roundTrip(bytes)).to.deep.equal(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(roundTrip(value)).to.deep.equal(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("says nothing of text, and what it is of all else", () => {
    expect(encodeData("x").contentType).to.equal(undefined);
    expect(encodeData(new Uint8Array(1)).contentType).to.equal("application/octet-stream");
    expect(encodeData([]).contentType).to.equal("application/json");
  });

  it("takes buffers and views of any kind for bytes", () => {
    const { buffer } = Uint8Array.of(1, 2, 3, 4);
    expect(roundTrip(buffer)).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    expect(roundTrip(new DataView(buffer, 1, 2))).to.deep.equal(Uint8Array.of(2, 3));
    expect(roundTrip(new Uint16Array(buffer))).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
  });

  it("reads what others publish by their content type", () => {
    const json = new TextEncoder().encode('{"a":1}');
    expect(read(json, "Application/JSON; charset=utf-8")).to.deep.equal({ a: 1 });
    expect(read(json, "application/ld+json")).to.deep.equal({ a: 1 });
    expect(read(json, "text/html; charset=utf-8")).to.equal('{"a":1}');
    expect(read(json, "image/png")).to.equal(json);
    expect(read(json)).to.equal('{"a":1}');
  });

  it("takes what says nothing and is no text for bytes", () => {
    const bytes = Uint8Array.of(0xff, 0xfe);
    expect(read(bytes)).to.equal(bytes);
    expect(read(bytes, "text/plain")).to.equal("\ufffd\ufffd");
  });

  it("gives the bytes of what says that it is JSON and is not, and tells why", () => {
    for (const text of ["", "{bad", "[".repeat(100_000), "\u0000", "NaN", "{} {}"]) {
      for (const type of ["application/json", "application/ld+json; charset=utf-8"]) {
        const bytes = new TextEncoder().encode(text);
        const { data, problem } = decodeData(bytes, { [CONTENT_TYPE]: type });
        expect(data).to.equal(bytes);
        expect(problem).to.be.instanceOf(SyntaxError);
        expect(problem?.message).to.match(/^the payload is not application\/(ld\+)?json: /);
      }
    }
  });

  it("throws at no payload and no content type", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (bytes, type) => {
        decodeData(bytes, { [CONTENT_TYPE]: type });
        decodeData(bytes, { [CONTENT_TYPE]: `${type}+json` });
      }),
    );
  });
});
