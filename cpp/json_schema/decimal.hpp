// Exact decimals of any size: the numbers that JSON can write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::schema {

// A natural number in base 10^9, lowest limb first, without leading zeros.
class Natural {
 public:
  Natural() = default;
  explicit Natural(std::string_view digits);

  bool is_zero() const { return limbs_.empty(); }
  std::string digits() const;  // "0" for zero

  friend int compare(const Natural& a, const Natural& b);
  friend Natural multiply(const Natural& a, const Natural& b);
  // Quotient and remainder (Knuth, volume 2, algorithm D).
  static void divide(const Natural& a, const Natural& b, Natural& quotient, Natural& remainder);
  friend Natural gcd(Natural a, Natural b);

 private:
  static constexpr std::uint32_t kBase = 1'000'000'000;
  void trim();
  std::vector<std::uint32_t> limbs_;
};

// digits * 10^-scale with a sign.  scale >= 0, and the last digit is not 0 where scale > 0; zero has no digits.
class Decimal {
 public:
  Decimal() = default;
  explicit Decimal(long long value);
  // `literal` as JSON writes numbers, its exponent within +-10^9.
  static Decimal parse(std::string_view literal);
  static Decimal of(bool negative, std::string digits, long long scale);

  bool is_zero() const { return digits_.empty(); }
  bool is_negative() const { return negative_; }
  bool is_integer() const { return scale_ == 0; }
  int scale() const { return scale_; }
  Decimal negated() const;
  Decimal magnitude() const;
  Decimal times_power_of_ten(long long power) const;
  // The digits before and after the point, without sign: 12.50 is "12" and "5".
  std::string whole() const;
  std::string fraction() const;
  // The e with 10^e <= |value| < 10^(e + 1), for values other than 0.
  int exponent() const { return static_cast<int>(digits_.size()) - scale_ - 1; }
  // |value| * 10^scale, which must be an integer.
  Natural scaled(int scale) const;
  // As JSON writes it, without exponent.
  std::string text() const;

  friend int compare(const Decimal& a, const Decimal& b);
  bool operator==(const Decimal& other) const = default;

 private:
  bool negative_ = false;
  std::string digits_;
  int scale_ = 0;
};

Decimal floor(const Decimal& value);
Decimal ceiling(const Decimal& value);
Decimal plus_one(const Decimal& integer);
Decimal minus_one(const Decimal& integer);
// The integers floor(a / b) and ceiling(a / b), for b > 0.
Decimal floor_quotient(const Decimal& a, const Decimal& b);
Decimal ceiling_quotient(const Decimal& a, const Decimal& b);
Decimal product(const Decimal& a, const Decimal& b);
bool is_multiple(const Decimal& value, const Decimal& step);
Decimal least_common_multiple(const Decimal& a, const Decimal& b);

}  // namespace tamis::schema
