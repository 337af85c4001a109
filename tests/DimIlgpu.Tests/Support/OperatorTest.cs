using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>
/// Runs an operator on a device and holds its result and every gradient against a double-precision reference; on devices
/// that have bfloat16 once more with everything stored in it.
/// </summary>
/// <remarks>
/// The gradient of the reference is taken by central differences of Σ dy·f, or by the reference's own adjoint
/// (<paramref name="adjoint"/>), which <see cref="Gradient.ShouldMatch"/> holds against central differences on tiny shapes.
/// </remarks>
internal static class OperatorTest
{
    /// <param name="kind">The device.</param>
    /// <param name="inputs">The values and shapes of every differentiable input.</param>
    /// <param name="operation">The operator.</param>
    /// <param name="reference">The same function in double precision.</param>
    /// <param name="relative">Tolerance relative to the expected value.</param>
    /// <param name="absolute">Absolute tolerance.</param>
    /// <param name="adjoint">Given the inputs and dy, the gradients; null for central differences.</param>
    public static void Run(
        TestDevice kind,
        (double[] Values, Shape Shape)[] inputs,
        Func<Tape, Variable[], Variable> operation,
        Func<double[][], double[]> reference,
        double relative = 2e-5,
        double absolute = 2e-5,
        Func<double[][], double[], double[][]>? adjoint = null) =>
        Run([kind], inputs, operation, reference, relative, absolute, adjoint);

    /// <summary>For large inputs, whose reference takes longer than the operator: all devices are held against one.</summary>
    /// <inheritdoc cref="Run(TestDevice, ValueTuple{double[], Shape}[], Func{Tape, Variable[], Variable}, Func{double[][], double[]}, double, double, Func{double[][], double[], double[][]}?)"/>
    public static void Run(
        IReadOnlyCollection<TestDevice> kinds,
        (double[] Values, Shape Shape)[] inputs,
        Func<Tape, Variable[], Variable> operation,
        Func<double[][], double[]> reference,
        double relative = 2e-5,
        double absolute = 2e-5,
        Func<double[][], double[], double[][]>? adjoint = null)
    {
        Assert.SkipWhen(kinds.Count == 0, "None of the devices that this test is for was asked for.");
        Run(kinds, ElementType.Float32, inputs, operation, reference, relative, absolute, adjoint);
        TestDevice[] narrow = [.. kinds.Where(k => k is TestDevice.Simt or TestDevice.OpenCl or TestDevice.Cuda)];
        if (narrow.Length > 0)
        {
            (double[], Shape)[] rounded = [.. inputs.Select(i => (i.Values.Select(Data.RoundToBFloat16).ToArray(), i.Shape))];
            Run(
                narrow, ElementType.BFloat16, rounded, operation, reference,
                Math.Max(relative, Narrow), Math.Max(absolute, Narrow), adjoint);
        }
    }

    // Half a unit in the last of 8 bits is 2e-3; what is stored between adjoints is rounded more than once.
    private const double Narrow = 1e-2;

    private static void Run(
        IReadOnlyCollection<TestDevice> kinds,
        ElementType type,
        (double[] Values, Shape Shape)[] inputs,
        Func<Tape, Variable[], Variable> operation,
        Func<double[][], double[]> reference,
        double relative,
        double absolute,
        Func<double[][], double[], double[][]>? adjoint)
    {
        double[][] values = [.. inputs.Select(i => i.Values)];
        double[] expected = reference(values);
        double[] seed = Data.Random(99, expected.Length);
        seed = type == ElementType.Float32 ? seed : [.. seed.Select(Data.RoundToBFloat16)];
        double[][] gradients = adjoint is null
            ? [.. values.Select((v, i) => Gradient.Numeric(
                x => reference([.. values.Select((o, j) => j == i ? x : o)]), v, seed))]
            : adjoint(values, seed);
        foreach (TestDevice kind in kinds)
        {
            using DeviceLease lease = Devices.Open(kind);
            using Tape tape = new(lease.Device);
            using Arena arena = new(lease.Device);
            Variable[] variables = [.. inputs.Select(i => tape.Leaf(arena.Upload(i.Values, i.Shape, type)))];
            Variable y = operation(tape, variables);
            y.Value.ShouldBe(expected, relative, absolute, $"{kind}: y");
            tape.Backward(y, arena.Upload(seed, y.Value.Shape));
            for (int i = 0; i < variables.Length; i++)
            {
                Assert.True(variables[i].GradientValue is not null, $"{kind}: input {i} received no gradient.");
                variables[i].GradientValue!.Value.ShouldBe(gradients[i], 5 * relative, 5 * absolute, $"{kind}: gradient {i}");
            }
        }
    }
}
