// Ridge regression: the weights w that make sum_i (y_i - x_i w)^2 + penalty * n * sum_j w_j^2 least.
//
// The first column of the rows is the constant 1 and is not penalised. Solved by the normal equations and a Cholesky
// factor, which is exact enough for the six columns of a calibration (tests hold it to NumPy).

/**
 * @param {number[][]} rows n rows of m values, the first of each 1
 * @param {number[]} targets n values
 * @param {number} penalty for each row; at least 0
 * @returns {number[]} m weights
 * @throws {RangeError} if the rows do not determine the weights
 */
export function fitRidge(rows, targets, penalty) {
  const m = rows[0].length;
  const normal = Array.from({ length: m }, (_, i) =>
    Array.from({ length: m }, (_, j) => sum(rows, (row) => row[i] * row[j]) + (i === j && i > 0 ? penalty * rows.length : 0)));
  const right = Array.from({ length: m }, (_, i) => sum(rows, (row, at) => row[i] * targets[at]));
  return solve(normal, right);
}

/** The solution of A x = b for a symmetric positive definite A. */
function solve(a, b) {
  const m = b.length;
  const factor = a.map((row) => row.map(() => 0));
  for (let i = 0; i < m; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      const rest = a[i][j] - dot(factor[i], factor[j], j);
      if (i !== j) factor[i][j] = rest / factor[j][j];
      else if (rest > 1e-12 * Math.abs(a[i][i])) factor[i][i] = Math.sqrt(rest);
      else throw new RangeError(`column ${i} of the rows says nothing that the columns before it do not say`);
    }
  }
  const middle = [];
  for (let i = 0; i < m; i += 1) middle.push((b[i] - dot(factor[i], middle, i)) / factor[i][i]);
  const found = Array(m).fill(0);
  for (let i = m - 1; i >= 0; i -= 1) {
    let rest = middle[i];
    for (let j = i + 1; j < m; j += 1) rest -= factor[j][i] * found[j];
    found[i] = rest / factor[i][i];
  }
  return found;
}

const dot = (a, b, n) => { let total = 0; for (let k = 0; k < n; k += 1) total += a[k] * b[k]; return total; };
const sum = (rows, of) => rows.reduce((total, row, at) => total + of(row, at), 0);
