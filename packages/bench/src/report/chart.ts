// Renders charts as SVG with ECharts, without a browser.
import { init, type EChartsOption } from "echarts";

const SIZE = { width: 900, height: 420 };

export interface Chart {
  readonly kind: "bar" | "line";
  readonly title: string;
  /** The labels of the horizontal axis. */
  readonly x: { readonly name: string; readonly values: readonly string[] };
  readonly y: { readonly name: string; readonly isLog: boolean };
  readonly series: readonly ChartSeries[];
}

interface ChartSeries {
  readonly name: string;
  /** One value for each label of the horizontal axis; undefined if there is none. */
  readonly values: readonly (number | undefined)[];
}

export function renderChart({ kind, title, x, y, series }: Chart): string {
  const option: EChartsOption = {
    animation: false,
    backgroundColor: "#ffffff",
    title: { text: title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0, itemGap: 18 },
    grid: { left: 70, right: 30, top: 50, bottom: 75 },
    xAxis: {
      type: "category",
      data: [...x.values],
      name: x.name,
      nameLocation: "middle",
      nameGap: 28,
      axisLabel: { interval: 0 },
    },
    yAxis: {
      type: y.isLog ? "log" : "value",
      name: y.name,
      nameTextStyle: { align: "left" },
      // A logarithmic axis has no zero, so bars need another start value.
      ...(kind === "bar" && y.isLog ? { startValue: powerBelow(series) } : {}),
    },
    series: series.map(({ name, values }) => ({
      type: kind,
      name,
      data: values.map((value) => value ?? "-"),
    })),
  };
  const chart = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** The greatest power of ten below all values. */
function powerBelow(series: readonly ChartSeries[]): number {
  const values = series.flatMap((one) => one.values).filter((value) => value !== undefined);
  return 10 ** Math.floor(Math.log10(Math.min(...values.filter((value) => value > 0), 1)));
}
