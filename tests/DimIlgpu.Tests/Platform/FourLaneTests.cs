using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Four registers as one lane give the bits that each of them gives alone.</summary>
public sealed class FourLaneTests
{
    private const int Rows = 24;

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Each_operation_gives_what_single_registers_give(int width)
    {
        int columns = 8 * width;
        using Device device = Device.Open("cpu", new() { Threads = 1, LaneWidth = width });
        using Arena arena = new(device);
        Shape inputs = new(3, columns), results = new(Rows, columns);
        float[] values = [.. Data.Random(1, 3 * columns).Select(v => (float)(4 * v))];
        Tensor x = arena.Rent(inputs), four = arena.Rent(results), one = arena.Rent(results);
        x.Upload(values);
        device.Strips(new EachOperation(x.Memory, four.Memory, columns), 1, columns);
        device.Strips(new EachOperation(x.Memory, one.Memory, columns), 1, columns, widest: width);
        float[] fours = four.ToArray(), ones = one.ToArray();
        Assert.All(fours[..columns], count => Assert.Equal(4 * width, count));
        Assert.All(ones[..columns], count => Assert.Equal(width, count));
        for (int c = 0; c < columns; c++)
        {
            Assert.Equal(values[(c / (4 * width) * 4 * width)..((c / (4 * width) + 1) * 4 * width)].Sum(v => (double)v), fours[columns + c], 1e-4);
        }

        Assert.Equal(ones[(2 * columns)..], fours[(2 * columns)..]);
        for (int row = 2; row < Rows; row++)
        {
            Assert.True(fours[(row * columns)..((row + 1) * columns)].Distinct().Count() > columns / 2, $"Row {row} does not tell its columns apart.");
        }
    }

    private readonly struct EachOperation(Floats x, Floats to, int columns) : IStripKernel
    {
        public void Execute<TLane>(long strip, int column)
            where TLane : unmanaged, ILane<TLane>
        {
            TLane a = TLane.Load(x, column), b = TLane.Load(x, columns + column), c = TLane.Load(x, (2 * columns) + column), square = b * b;
            TLane.Prefetch(x, column);
            this.Put(0, column, TLane.Of(TLane.Count));
            this.Put(1, column, TLane.Of(TLane.Sum(a)));
            this.Put(2, column, a + b);
            this.Put(3, column, a - b);
            this.Put(4, column, a * b);
            this.Put(5, column, a / b);
            this.Put(6, column, -a);
            this.Put(7, column, TLane.Fma(a, b, c));
            this.Put(8, column, TLane.Max(a, b));
            this.Put(9, column, TLane.Min(a, b));
            this.Put(10, column, TLane.Sqrt(square));
            this.Put(11, column, TLane.Exp2(a, b));
            this.Put(12, column, TLane.Exp(a));
            this.Put(13, column, TLane.Log(square));
            this.Put(14, column, TLane.Sigmoid(a));
            this.Put(15, column, TLane.Tanh(a));
            this.Put(16, column, TLane.Softplus(a));
            this.Put(17, column, TLane.WhereGreater(a, b, c, square));
            this.Put(18, column, a * TLane.Of(TLane.Read(x, columns)));
            this.Put(19, column, a * TLane.Of(TLane.ReadInt(x, 1) & 0xff));
            Quad<TLane> powers = TLane.Exp2(a, new Quad<TLane> { X = b, Y = c, Z = a, W = b + c });
            this.Put(20, column, powers.X);
            this.Put(21, column, powers.Y);
            this.Put(22, column, powers.Z);
            this.Put(23, column, powers.W);
        }

        private void Put<TLane>(int row, int column, TLane value)
            where TLane : unmanaged, ILane<TLane> => TLane.Store(to, (row * columns) + column, value);
    }
}
