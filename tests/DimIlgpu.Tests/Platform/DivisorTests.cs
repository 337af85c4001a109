using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class DivisorTests
{
    private static readonly int[] Edges = [0, 1, 2, 3, 5, 6, 7, 63, 64, 65, 1000, 65535, 65536, 1 << 30, (1 << 30) + 1, int.MaxValue - 1, int.MaxValue];

    [Fact]
    public void It_divides_as_division_does()
    {
        Random random = new(1);
        int[] values = [.. Edges, .. Enumerable.Range(0, 300).Select(i => random.Next() >> (i % 31))];
        Assert.All(values.Where(d => d > 0), d =>
        {
            Divisor divisor = new(d);
            int[] numbers = [.. values, d - 1, (int)Math.Min(int.MaxValue, (long)d * (int.MaxValue / d)), (int)((long)d * (int.MaxValue / d)) - 1];
            Assert.All(numbers, n => Assert.Equal(n / d, divisor.Quotient(n)));
        });
    }

    [Fact]
    public void Zero_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new Divisor(0));
}
