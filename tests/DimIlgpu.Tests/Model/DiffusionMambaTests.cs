using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class DiffusionMambaTests
{
    private static readonly DimOptions Small = new()
    {
        Sample = new(1, 8, 8, 3), Patch = 2, Width = 32, Depth = 2, Classes = 5, LearnsVariance = true,
    };

    public static TheoryData<string> Variants => ["plain", "mlp", "token", "divide", "video", "learned", "no variance"];

    public static TheoryData<TestDevice> OtherDevices => [.. Devices.Fast.Where(d => d != TestDevice.Cpu16)];

    [Theory]
    [InlineData("DiM-S/2", 18_783_008, 3.1246)]
    [InlineData("DiM-B/2", 72_070_688, 12.149)]
    [InlineData("DiM-L/2", 249_042_976, 42.872)]
    [InlineData("DiM-XL/2", 365_693_216, 63.150)]
    public void Published_sizes_have_their_parameters_and_multiply_adds(string name, long parameters, double gmacs)
    {
        DimCost cost = DimCost.Of(DimSizes.Apply(name, new() { Sample = new(1, 32, 32, 4), Classes = 1000, LearnsVariance = true }));
        Assert.Equal(parameters, cost.Parameters);
        Assert.Equal(gmacs, cost.MultiplyAdds / 1e9, gmacs * 1e-3);
    }

    [Theory, MemberData(nameof(Variants))]
    public void The_count_is_that_of_the_network(string variant)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        DimOptions options = Variant(variant);
        using DiffusionMamba network = new(options, device);
        Assert.Equal(network.Parameters.Count, DimCost.Of(options).Parameters);
    }

    [Theory, MemberData(nameof(Variants))]
    public void The_first_output_is_zero(string variant)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using DiffusionMamba network = new(Variant(variant), device);
        network.Initialize(1);
        using Arena arena = new(device);
        using Tape tape = new(device, recording: false);
        NetworkOutput output = Run(network, tape, arena);
        Assert.All(output.Prediction.Value.ToArray(), v => Assert.Equal(0f, v));
        Assert.Equal(network.Options.LearnsVariance, output.Variance is not null);
    }

    [Fact]
    public void Delta_starts_in_its_range_in_both_directions()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using DiffusionMamba network = new(Small, device);
        network.Initialize(1);
        for (int block = 0; block < Small.Depth; block++)
        {
            float[] bias = network.Parameters[$"blocks.{block}.mixer.dt_proj.bias"].Value.ToArray();
            Assert.Equal(2 * Small.Channels, bias.Length);
            Assert.All(bias, b => Assert.InRange(Math.Log(1 + Math.Exp(b)), 0.001 - 1e-6, 0.1 + 1e-6));
        }
    }

    // Everything at once: a wrong sign or a lost gradient in any part shows against central differences of the loss.
    [Theory, MemberData(nameof(Variants))]
    public void The_gradient_of_the_whole_network_matches_central_differences(string variant)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using DiffusionMamba network = new(Variant(variant), device);
        Randomize(network, 0.3f);
        using Arena arena = new(device);
        using Tape tape = new(device);
        NetworkOutput output = Run(network, tape, arena);
        double[] seed = Data.Random(3, (int)output.Prediction.Value.Shape.Length);
        tape.Backward(output.Prediction, arena.Upload(seed, output.Prediction.Value.Shape));

        double Loss()
        {
            using Tape inference = new(device, recording: false);
            return Run(network, inference, arena).Prediction.Value.ToArray().Zip(seed, (a, b) => a * b).Sum();
        }

        foreach (Parameter parameter in network.Parameters.Parameters.Where(p => !p.Name.StartsWith("blocks.1", StringComparison.Ordinal)))
        {
            // Along the gradient's own direction the difference is largest against rounding.
            float[] gradient = parameter.Gradient!.Value.ToArray(), value = parameter.Value.ToArray();
            double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
            if (norm < 1e-6)
            {
                continue;
            }

            double step = 2e-3;
            parameter.Value.Upload([.. value.Zip(gradient, (v, g) => (float)(v + (step * g / norm)))]);
            network.Parameters.MarkUpdated();
            double plus = Loss();
            parameter.Value.Upload([.. value.Zip(gradient, (v, g) => (float)(v - (step * g / norm)))]);
            network.Parameters.MarkUpdated();
            double minus = Loss();
            parameter.Value.Upload(value);
            double slope = (plus - minus) / (2 * step);
            Assert.True(Math.Abs(slope - norm) <= 0.02 * norm + 0.02, $"{parameter.Name}: |gradient| is {norm:g5}, the loss changes by {slope:g5}.");
        }
    }

    [Fact]
    public void Checkpointed_blocks_give_the_same_gradients()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using DiffusionMamba network = new(Small, device);
        Randomize(network, 0.3f);
        float[][] results = [.. new[] { false, true }.Select(checkpoint =>
        {
            using Arena arena = new(device);
            using Tape tape = new(device);
            network.Parameters.Gradients!.Value.Clear();
            NetworkOutput output = Run(network, tape, arena, checkpoint);
            tape.Backward(output.Prediction, arena.Upload(Data.Random(3, (int)output.Prediction.Value.Shape.Length), output.Prediction.Value.Shape));
            return network.Parameters.Gradients!.Value.ToArray();
        })];
        results[1].ShouldBe([.. results[0].Select(v => (double)v)], 1e-5, 1e-6);
    }

    [Theory, MemberData(nameof(OtherDevices))]
    public void Every_device_predicts_the_same(TestDevice kind)
    {
        float[][] results = [.. new[] { TestDevice.Cpu16, kind }.Select(k =>
        {
            using DeviceLease lease = Devices.Open(k);
            Device device = lease.Device;
            using DiffusionMamba network = new(Small, device, training: false, ema: false);
            Randomize(network, 0.3f);
            using Arena arena = new(device);
            using Tape tape = new(device, recording: false);
            return Run(network, tape, arena).Prediction.Value.ToArray();
        })];
        results[1].ShouldBe([.. results[0].Select(v => (double)v)], 1e-3, 1e-3);
    }

    public static TheoryData<TestDevice> MixedDevices => Devices.Mixed.Any() ? [.. Devices.Mixed] : [TestDevice.OpenClBf16];

    // Predictions and the gradient of all parameters together, as vectors: rounding to eight bits turns them by little.
    [Theory, MemberData(nameof(MixedDevices))]
    public void Mixed_precision_points_where_float32_does(TestDevice kind)
    {
        Assert.SkipUnless(Devices.IsPresent(kind), $"This machine has no {kind}.");
        (float[] Prediction, float[] Gradient)[] results = [.. new[] { TestDevice.Cpu16, kind }.Select(k =>
        {
            using DeviceLease lease = Devices.Open(k);
            Device device = lease.Device;
            using DiffusionMamba network = new(Small, device);
            Randomize(network, 0.3f);
            using Arena arena = new(device);
            using Tape tape = new(device);
            NetworkOutput output = Run(network, tape, arena);
            Tensor value = output.Prediction.Value;
            Assert.Equal(ElementType.Float32, value.ElementType);
            float[] prediction = value.ToArray();
            tape.Backward(output.Prediction, arena.Upload(Data.Random(3, (int)value.Shape.Length), value.Shape));
            return (prediction, network.Parameters.Gradients!.Value.ToArray());
        })];
        Assert.InRange(Distance(results[0].Prediction, results[1].Prediction), 1e-5, 0.02);
        Assert.InRange(Distance(results[0].Gradient, results[1].Gradient), 1e-5, 0.03);
    }

    // Those are for tensors of any mixture and alignment, and slower.
    [Theory, MemberData(nameof(MixedDevices))]
    public void A_step_in_bfloat16_takes_no_kernel_that_a_CPU_has_too(TestDevice kind)
    {
        Assert.SkipUnless(Devices.IsPresent(kind), $"This machine has no {kind}.");
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using DiffusionMamba network = new(Small, device);
        Randomize(network, 0.3f);
        using Arena arena = new(device);
        using Tape tape = new(device);
        HashSet<string> launched = [];
        device.Launching = kernel => launched.Add(kernel.Name.Split('`')[0]);
        NetworkOutput output = Run(network, tape, arena);
        Shape shape = output.Prediction.Value.Shape;
        tape.Backward(output.Prediction, arena.Upload(Data.Random(3, (int)shape.Length), shape));
        device.Launching = null;
        string[] operators = ["CausalConvolution", "LayerNorm", "Softplus", "SumGate"];
        Assert.All(operators, name =>
        {
            // Softplus ends the product that it is of.
            Assert.Equal(name != "Softplus", launched.Any(kernel => kernel.StartsWith($"{name}Forward", StringComparison.Ordinal)));
            Assert.Contains(launched, kernel => kernel.StartsWith($"{name}Backward", StringComparison.Ordinal));
            Assert.DoesNotContain($"{name}Forward", launched);
            Assert.DoesNotContain($"{name}Backward", launched);
        });

        // Each gated sum is part of the norm that follows it.
        Assert.DoesNotContain(launched, kernel => kernel.StartsWith("GatedResidual", StringComparison.Ordinal));
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused_by_name()
    {
        Assert.Contains("DiM-Q/2", Assert.Throws<ArgumentException>(() => DimSizes.Apply("DiM-Q/2", new())).Message, StringComparison.Ordinal);
        ArgumentException e = Assert.Throws<ArgumentException>(() => (Small with { Sample = new(1, 9, 8, 3) }).Validated());
        Assert.Contains("9 is not divisible", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => (Small with { States = 20 }).Validated());
        Assert.Throws<ArgumentException>(() => (Small with { Width = 30 }).Validated());
    }

    /// <summary>‖actual − expected‖ / ‖expected‖.</summary>
    private static double Distance(float[] expected, float[] actual) => Math.Sqrt(
        expected.Zip(actual, (a, b) => Math.Pow(a - (double)b, 2)).Sum() / expected.Sum(v => (double)v * v));

    internal static void Randomize(DiffusionMamba network, float scale)
    {
        network.Initialize(1);
        int seed = 100;
        foreach (Parameter parameter in network.Parameters.Parameters)
        {
            if (parameter.Value.ToArray().All(v => v == 0))
            {
                parameter.Value.Upload([.. Data.Random(seed++, (int)parameter.Shape.Length).Select(v => (float)v * scale)]);
                network.Parameters.MarkUpdated();
            }
        }
    }

    private static DimOptions Variant(string name) => name switch
    {
        "mlp" => Small with { MlpRatio = 2 },
        "token" => Small with { Conditioning = Conditioning.Token, MlpRatio = 1 },
        "divide" => Small with { DivideOut = true, States = 8, ConvolutionWidth = 3 },
        "video" => Small with { Sample = new SampleShape(4, 8, 8, 3), TemporalPatch = 2 },
        "learned" => Small with { LearnedPositions = true },
        "no variance" => Small with { LearnsVariance = false },
        _ => Small,
    };

    private static NetworkOutput Run(DiffusionMamba network, Tape tape, Arena arena, bool checkpoint = false)
    {
        const int Batch = 2;
        int length = network.Options.Sample.Length;
        Tensor x = arena.Upload(Data.Normal(1, Batch * length), new(Batch, length));
        Tensor features = arena.Rent(new(Batch, TimestepFeatures.DefaultWidth)), labels = arena.Rent(new(Batch, 1));
        float[] values = new float[features.Shape.Length];
        TimestepFeatures.Write([10f, 700f], values);
        features.Upload(values);
        labels.Upload([1, network.Options.Classes]);
        return network.Forward(tape, x, features, labels, checkpoint);
    }
}
