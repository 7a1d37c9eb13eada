import { expect } from "chai";
import fc from "fast-check";
import { CONTENT_TYPE, decodeData, encodeData } from "../src/data.ts";

function roundTrip(data: string | object | number | boolean | null): unknown {
  const { payload, contentType } = encodeData(data);
  return decodeData(payload, contentType === undefined ? {} : { [CONTENT_TYPE]: contentType });
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
    const read = (type: string): unknown => decodeData(json, { [CONTENT_TYPE]: type });
    expect(read("Application/JSON; charset=utf-8")).to.deep.equal({ a: 1 });
    expect(read("application/ld+json")).to.deep.equal({ a: 1 });
    expect(read("text/html; charset=utf-8")).to.equal('{"a":1}');
    expect(read("image/png")).to.equal(json);
    expect(decodeData(json, {})).to.equal('{"a":1}');
  });

  it("takes what says nothing and is no text for bytes", () => {
    const bytes = Uint8Array.of(0xff, 0xfe);
    expect(decodeData(bytes, {})).to.equal(bytes);
    expect(decodeData(bytes, { [CONTENT_TYPE]: "text/plain" })).to.equal("\ufffd\ufffd");
  });

  it("throws a SyntaxError at JSON that is none", () => {
    const bytes = Uint8Array.of(0x7b);
    expect(() => decodeData(bytes, { [CONTENT_TYPE]: "application/json" })).to.throw(SyntaxError);
  });
});
