#define EIGEN_DONT_PARALLELIZE  // the same sums with any number of threads
#include <Eigen/QR>
#include <cmath>
#include <cstdint>

#include "ranvier/layers/init.h"

namespace ranvier {
namespace {

/// Q of the QR decomposition of a `tall` matrix, with R's diagonal made positive, which makes Q
/// uniform among orthogonal matrices if the elements of `tall` are normal (Mezzadri 2007).
Eigen::MatrixXd orthogonal_columns(const Eigen::MatrixXd& tall) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(tall);
  const Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(tall.rows(), tall.cols());
  const Eigen::VectorXd signs =
      qr.matrixQR().diagonal().unaryExpr([](double r) { return r < 0 ? -1.0 : 1.0; });
  return q * signs.asDiagonal();
}

}  // namespace

Tensor init_orthogonal(std::int64_t rows, std::int64_t columns, double gain, Generator& generator) {
  RV_CHECK(rows >= 1 && columns >= 1,
           "[init] an orthogonal matrix must be at least 1 x 1; got {} x {}.", rows, columns);
  RV_CHECK(std::isfinite(gain), "[init] gain must be finite; got {}.", gain);
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Tensor weight = normal({rows, columns}, 0, 1, generator);
  Eigen::Map<Rows> values(weight.mutable_data<float>(), rows, columns);
  const Eigen::MatrixXd drawn = values.cast<double>();
  if (rows >= columns)
    values = (gain * orthogonal_columns(drawn)).cast<float>();
  else
    values = (gain * orthogonal_columns(drawn.transpose()).transpose()).cast<float>();
  return weight.set_requires_grad(true);
}

}  // namespace ranvier
